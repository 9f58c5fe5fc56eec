using Microsoft.Playwright;

namespace RevenueAspire.Api.Tests.Browser;

/// <summary>The page at <c>/</c> in a real browser, on real processes.</summary>
public sealed class PageTests(Chromium chromium)
{
    [Fact]
    public async Task An_empty_system_shows_how_to_send_the_first_event_and_an_event_arrives_soon_after_its_POST()
    {
        var browser = chromium.Browser;
        await using var installation = await Installation.CreateAsync();
        await installation.StartApiAsync();
        await using var page = await OpenPage.OpenAsync(browser, installation.ApiUrl);
        await page.Page.Locator("#empty").WaitForAsync();
        var command = await page.TextAsync("#curl");
        Assert.StartsWith($"curl {installation.ApiUrl}/liveEvent -H 'Authorization: secret' ", command, StringComparison.Ordinal);
        await page.HasTextAsync("#total", "0");
        Assert.Equal("", await page.AccessibilityAsync());

        // The shown command works, except for its secret.
        using var curl = System.Diagnostics.Process.Start("sh",
            ["-c", "exec >/dev/null 2>&1; " + command.Replace("Authorization: secret", $"Authorization: {Installation.Secret}", StringComparison.Ordinal)]);
        await curl.WaitForExitAsync();
        Assert.Equal(0, curl.ExitCode);
        installation.StartProcessor();
        await page.HasTextAsync("#total", "98");
        await page.Page.Locator("#empty").WaitForAsync(new() { State = WaitForSelectorState.Hidden });
        await page.HasTextAsync("#events", "1");

        // The page requests the watched user once per snapshot. So the number of requests until the event appears measures the delay, independent of the
        // machine's speed.
        await page.Page.FillAsync("#user", "user1");
        await page.Page.PressAsync("#user", "Enter");
        await page.HasTextAsync("#watched-value", "98");
        var fewest = int.MaxValue;
        for (var number = 1; number <= 3; number++)
        {
            await installation.PostUntilAcknowledgedAsync(new RevenueEvent("user1", "add_revenue", 1000), $"event-{number}");
            var before = page.RequestsTo("/userEvents");
            await page.HasTextAsync("#total", $"{98 + (1000 * number):N0}");
            await page.HasTextAsync("#watched-value", $"{98 + (1000 * number):N0}");
            fewest = Math.Min(fewest, page.RequestsTo("/userEvents") - before);
        }

        Assert.InRange(fewest, 0, 4);
        await page.HasTextAsync("#lag", "None");
        Assert.Empty(page.Complaints);
        Assert.All(page.Requests, url => Assert.StartsWith(installation.ApiUrl, url, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Rejected_lines_top_users_and_sums_of_any_size_are_shown_unchanged()
    {
        var browser = chromium.Browser;
        await using var installation = await Installation.CreateAsync();
        await installation.StartApiAsync();
        await File.WriteAllLinesAsync(installation.File("events.jsonl"),
        [
            .. Enumerable.Range(0, 3).Select(_ => $$"""{"userId":"whale","name":"add_revenue","value":{{long.MaxValue}}}"""),
            """{"userId":"<b>bold</b>","name":"add_revenue","value":5}""",
            """{"userId":"debtor","name":"subtract_revenue","value":7}""",
            """<script>alert(1)</script>""",
        ]);
        await installation.RunAsync("RevenueAspire.Processor", "process", installation.File("events.jsonl"));

        await using var page = await OpenPage.OpenAsync(browser, installation.ApiUrl);
        await page.HasTextAsync("#total", "27,670,116,110,564,327,419");
        await page.HasTextAsync("#top li:nth-child(1) .value", "27,670,116,110,564,327,421");
        Assert.Equal("<b>bold</b>", await page.TextAsync("#top li:nth-child(2) .id"));
        Assert.Equal("-7", await page.TextAsync("#top li:nth-child(3) .value"));
        await page.HasTextAsync("#rejected", "1 line was rejected");
        Assert.Equal("<script>alert(1)</script>", await page.TextAsync("#rejects code"));
        Assert.Contains("events.jsonl, line 6", await page.TextAsync("#rejects .note"), StringComparison.Ordinal);

        // A click on a user in the list watches this user. For an unknown user, the page shows a message.
        await page.Page.ClickAsync("#top li:nth-child(1) button");
        await page.HasTextAsync("#watched-value", "27,670,116,110,564,327,421");
        await page.Page.FillAsync("#user", "a/b?c=1&😀");
        await page.Page.PressAsync("#user", "Enter");
        await page.HasTextAsync("#watched-value", "has no events");
        await page.HasTextAsync("#watched-said", "a/b?c=1&😀: has no events");
        await page.Page.ClickAsync("#course summary");
        await page.Page.GetByRole(AriaRole.Cell, new() { Name = "27,670,116,110,564,327,419" }).First.WaitForAsync();

        // A 404 for a user without events is normal, but the browser logs it in the console.
        Assert.DoesNotContain(page.Complaints, complaint => !complaint.Contains("404", StringComparison.Ordinal));
        Assert.Equal("", await page.AccessibilityAsync());
    }

    [Theory]
    [InlineData("File")]
    [InlineData("Postgres")]
    public async Task The_page_reconnects_after_a_restart_of_the_API(string engine)
    {
        var browser = chromium.Browser;
        await using var installation = await Installation.CreateAsync();
        installation.Settings["EventLog__Engine"] = engine;
        var api = await installation.StartApiAsync();
        installation.StartProcessor();
        await using var page = await OpenPage.OpenAsync(browser, installation.ApiUrl);
        await page.HasTextAsync("#state", "Live");
        await installation.PostUntilAcknowledgedAsync(new RevenueEvent("user1", "add_revenue", 5), "first");
        await page.HasTextAsync("#total", "5");
        Assert.Empty(page.Complaints);

        // Open streams do not delay the stop.
        Assert.Equal(0, await api.TerminateAsync(TimeSpan.FromSeconds(20)));
        await page.HasTextAsync("#state", "Connection lost, trying again");
        Assert.Equal("5", await page.TextAsync("#total"));
        Assert.StartsWith("figures of ", await page.TextAsync("#age"), StringComparison.Ordinal);
        Assert.Equal("", await page.AccessibilityAsync());
        await using var again = await installation.StartApiAsync();
        await installation.PostUntilAcknowledgedAsync(new RevenueEvent("user1", "add_revenue", 7), "second");
        await page.HasTextAsync("#total", "12");
        await page.HasTextAsync("#state", "Live");
        Assert.Equal("", await page.TextAsync("#age"));
    }

    [Fact]
    public async Task The_whole_page_works_with_the_keyboard()
    {
        var browser = chromium.Browser;
        await using var installation = await Installation.CreateAsync();
        await installation.StartApiAsync();
        await File.WriteAllTextAsync(installation.File("events.jsonl"), """{"userId":"user1","name":"add_revenue","value":5}""" + "\n");
        await installation.RunAsync("RevenueAspire.Processor", "process", installation.File("events.jsonl"));
        await using var page = await OpenPage.OpenAsync(browser, installation.ApiUrl, height: 500);
        await page.HasTextAsync("#total", "5");
        await page.Page.Locator("#top button").WaitForAsync();

        // The tab key reaches each control in the order of the page, and the header never covers the focused one.
        foreach (var stop in (string[])["Skip to the figures", "API reference", "Show as a table", "", "Watch", "user15"])
        {
            await page.Page.Keyboard.PressAsync("Tab");
            Assert.Equal(stop, await page.Page.EvaluateAsync<string>("document.activeElement.textContent.trim()"));
            Assert.True(
                await page.Page.EvaluateAsync<bool>(
                    "(() => { const at = document.activeElement.getBoundingClientRect(); return "
                        + "document.activeElement.contains(document.elementFromPoint(at.x + at.width / 2, at.y + at.height / 2)); })()"),
                $"'{stop}' has the focus and is not visible");
        }

        await page.Page.Keyboard.PressAsync("Enter");
        await page.HasTextAsync("#watched-value", "5");
        await page.Page.Locator("#course summary").FocusAsync();
        await page.Page.Keyboard.PressAsync("Enter");
        await page.Page.GetByRole(AriaRole.Cell, new() { Name = "5" }).First.WaitForAsync();
        await page.Page.Locator(".skip").FocusAsync();
        await page.Page.Keyboard.PressAsync("Enter");
        Assert.Equal("main", await page.Page.EvaluateAsync<string>("document.activeElement.id"));
        Assert.Empty(page.Complaints);
    }

    [Fact]
    public async Task If_reads_need_a_secret_the_page_asks_for_it_and_does_not_store_it()
    {
        var browser = chromium.Browser;
        await using var installation = await Installation.CreateAsync();
        installation.Settings["Ingest__ReadSecrets__0"] = "reader 1";
        await installation.StartApiAsync();
        installation.StartProcessor();
        await installation.PostUntilAcknowledgedAsync(new RevenueEvent("user1", "add_revenue", 11), "first");
        await using var page = await OpenPage.OpenAsync(browser, installation.ApiUrl);
        await page.Page.Locator("#ask").WaitForAsync();
        Assert.Equal("secret", await page.Page.EvaluateAsync<string>("document.activeElement.id"));
        Assert.Equal("", await page.AccessibilityAsync());
        await page.Page.FillAsync("#secret", Installation.Secret);
        await page.Page.PressAsync("#secret", "Enter");
        await page.Page.Locator("#ask-wrong").WaitForAsync();
        await page.Page.FillAsync("#secret", "reader 1");
        await page.Page.PressAsync("#secret", "Enter");
        await page.HasTextAsync("#total", "11");
        await page.Page.FillAsync("#user", "user1");
        await page.Page.PressAsync("#user", "Enter");
        await page.HasTextAsync("#watched-value", "11");
        Assert.Equal("0 0 ", await page.Page.EvaluateAsync<string>("`${localStorage.length} ${sessionStorage.length} ${document.cookie}`"));
        Assert.Equal("", await page.Page.InputValueAsync("#secret"));
        await page.Page.ReloadAsync();
        await page.Page.Locator("#ask").WaitForAsync();

        // The browser logs only the refused requests.
        Assert.DoesNotContain(page.Complaints, complaint => !complaint.Contains("401", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c2VyMSJ9.c2ln_-4", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c2VyMSJ9.c2ln_-4")]
    [InlineData(" eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c2VyMSJ9.c2ln ", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c2VyMSJ9.c2ln")]
    [InlineData("Bearer any.other", "Bearer any.other")]
    [InlineData("eye.of.the tiger", "eye.of.the tiger")]
    [InlineData("ey.one.two.three", "ey.one.two.three")]
    public async Task The_page_sends_a_token_as_bearer_and_a_secret_unchanged(string given, string header)
    {
        await using var installation = Installation.WithoutDatabase();
        installation.Settings["Ingest__ReadSecrets__0"] = "reader 1";
        await installation.StartApiAsync();
        await using var page = await OpenPage.OpenAsync(chromium.Browser, installation.ApiUrl);
        await page.Page.Locator("#ask").WaitForAsync();
        await page.Page.FillAsync("#secret", given);

        var request = await page.Page.RunAndWaitForRequestAsync(
            () => page.Page.PressAsync("#secret", "Enter"), asked => asked.Url.EndsWith("/liveLedger", StringComparison.Ordinal));

        Assert.Equal(header, (await request.AllHeadersAsync())["authorization"]);
        await page.Page.Locator("#ask-wrong").WaitForAsync();
    }

    [Theory]
    [InlineData(ColorScheme.Light, 1280)]
    [InlineData(ColorScheme.Dark, 1280)]
    [InlineData(ColorScheme.Light, 360)]
    [InlineData(ColorScheme.Dark, 360)]
    public async Task In_both_colour_schemes_and_at_any_width_all_content_is_accessible(ColorScheme scheme, int width)
    {
        var browser = chromium.Browser;
        await using var installation = await Installation.CreateAsync();
        await installation.StartApiAsync();
        await File.WriteAllLinesAsync(installation.File("events.jsonl"),
        [
            .. Enumerable.Range(1, 20).Select(
                i => $$"""{"userId":"user{{new string('x', 10 * i)}}","name":"add_revenue","value":{{i * 1_000_000_000_000_000_000L % long.MaxValue}}}"""),
            new string('y', 300),
            "{\"userId\":\"\"}",
        ]);
        await installation.RunAsync("RevenueAspire.Processor", "process", installation.File("events.jsonl"));
        await using var page = await OpenPage.OpenAsync(browser, installation.ApiUrl, scheme, width, 800);
        await page.HasTextAsync("#rejected", "2 lines were rejected");
        await page.Page.Locator("#top li").First.WaitForAsync();
        await page.Page.ClickAsync("#top li:nth-child(1) button");
        await page.Page.Locator("#watched").WaitForAsync();

        Assert.Equal("", await page.AccessibilityAsync());
        Assert.Equal(0, await page.Page.EvaluateAsync<int>("document.documentElement.scrollWidth - document.documentElement.clientWidth"));
        foreach (var plot in (string[])["total", "rate", "lag"])
        {
            Assert.True(await page.Page.EvaluateAsync<bool>($"document.querySelector('#{plot}-plot canvas').clientWidth > 100"));
        }

        // No card overlaps another.
        Assert.Equal("", await page.Page.EvaluateAsync<string>(
            """
            (() => {
              const cards = [...document.querySelectorAll('.card')].filter(card => card.clientWidth > 0)
                .map(card => [card.getAttribute('aria-labelledby'), card.getBoundingClientRect()]);
              const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
              return cards.flatMap(([name, at], index) => cards.slice(index + 1).filter(other => meet(at, other[1]))
                .map(other => `${name} and ${other[0]}`)).join();
            })()
            """));
        Assert.Empty(page.Complaints);
    }
}
