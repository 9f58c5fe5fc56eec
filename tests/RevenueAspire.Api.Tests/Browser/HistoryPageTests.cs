using Microsoft.Playwright;
using RevenueAspire.Ledger;
using RevenueAspire.Ledger.Tests;

namespace RevenueAspire.Api.Tests.Browser;

/// <summary>The list of a user's events at <c>/</c> in a real browser. The tests apply the events as a processor does.</summary>
public sealed class HistoryPageTests(Chromium chromium)
{
    private static readonly long Noon = DateTimeOffset.Parse("2026-01-31T12:00:00Z", null).ToUnixTimeMilliseconds();

    [Theory]
    [InlineData(ColorScheme.Light, 1280)]
    [InlineData(ColorScheme.Dark, 1280)]
    [InlineData(ColorScheme.Light, 360)]
    [InlineData(ColorScheme.Dark, 360)]
    public async Task The_latest_50_events_are_listed_with_balance_and_plot_and_follow_new_events(ColorScheme scheme, int width)
    {
        var browser = chromium.Browser;
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        var source = await database.OpenLogAsync();
        await ApplyAsync(database, source, 0, 60, i => new AppliedEvent(i, i % 3 == 2 ? 1 : 0, long.MaxValue / 2, Noon + (i * 1000)));
        await using var installation = new Installation(database.ConnectionString);
        await installation.StartApiAsync();
        await using var page = await OpenPage.OpenAsync(browser, installation.ApiUrl, scheme, width);
        await page.Page.FillAsync("#user", "<i>whale</i>");
        await page.Page.PressAsync("#user", "Enter");

        // 40 of the 60 events add revenue, and 20 subtract it.
        await page.HasTextAsync("#watched-value", "92,233,720,368,547,758,060");
        await Eventually.EqualsAsync(50, () => page.Page.Locator("#history-rows tr").CountAsync());
        Assert.Equal("92,233,720,368,547,758,060", await page.TextAsync("#history-rows tr:first-child td:nth-child(4)"));
        Assert.Equal("subtract_revenue", await page.TextAsync("#history-rows tr:first-child td:nth-child(2)"));
        Assert.Equal("4,611,686,018,427,387,903", await page.TextAsync("#history-rows tr:first-child td:nth-child(3)"));
        Assert.Equal("18,446,744,073,709,551,612", await page.TextAsync("#history-opening"));
        Assert.Equal("Balance from 18,446,744,073,709,551,612 to 92,233,720,368,547,758,060 in the latest 50 events", await page.TextAsync("#history-summary"));
        Assert.True(await page.Page.EvaluateAsync<bool>("document.querySelector('#history-plot canvas').clientWidth > 100"));
        Assert.Equal("", await page.AccessibilityAsync());
        Assert.Equal(0, await page.Page.EvaluateAsync<int>("document.documentElement.scrollWidth - document.documentElement.clientWidth"));

        await ApplyAsync(database, source, 60, 1, i => new AppliedEvent(i, 1, 60, Noon));
        await page.HasTextAsync("#history-rows tr:first-child td:nth-child(4)", "92,233,720,368,547,758,000");
        await page.HasTextAsync("#watched-value", "92,233,720,368,547,758,000");
        Assert.Equal(50, await page.Page.Locator("#history-rows tr").CountAsync());
        Assert.Equal("<i>whale</i>: 92,233,720,368,547,758,060", await page.TextAsync("#watched-said"));
        Assert.Empty(page.Complaints);
        Assert.All(page.Requests, url => Assert.StartsWith(installation.ApiUrl, url, StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_keyboard_reaches_the_list_and_exports_all_events_with_the_secret()
    {
        var browser = chromium.Browser;
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        var range = await database.FreezeAsync(new TestDeltas(("<i>whale</i>", 5)), 1);
        await database.ExecuteAsync($"update event_source set kind = 'file' where source_id = '{range.SourceId}'");
        Assert.True(await PartMerge.MergeAsync(
            database.Source, range.Id, range.Frozen!.Parts[0], new TestDeltas(("<i>whale</i>", 5)), 10, database.History, CancellationToken.None));
        var source = await database.OpenLogAsync();
        await ApplyAsync(database, source, 0, 1500, i => new AppliedEvent(i, 0, 1, Noon + i));
        await using var installation = new Installation(database.ConnectionString);
        installation.Settings["Ingest__ReadSecrets__0"] = "reader 1";
        await installation.StartApiAsync();
        await using var page = await OpenPage.OpenAsync(browser, installation.ApiUrl);
        await page.Page.FillAsync("#secret", "reader 1");
        await page.Page.PressAsync("#secret", "Enter");
        await page.Page.FillAsync("#user", "<i>whale</i>");
        await page.Page.PressAsync("#user", "Enter");
        await page.HasTextAsync("#history-rows tr:first-child td:nth-child(4)", "1,505");
        foreach (var stop in (string[])["", "history-scroll", "history-export"])
        {
            await page.Page.Keyboard.PressAsync("Tab");
            Assert.Equal(stop, await page.Page.EvaluateAsync<string>("document.activeElement.id"));
        }

        var download = await page.Page.RunAndWaitForDownloadAsync(() => page.Page.Keyboard.PressAsync("Enter"));

        Assert.Equal("history.csv", download.SuggestedFilename);
        var lines = (await File.ReadAllTextAsync(await download.PathAsync())).Split("\r\n");
        Assert.Equal(1503, lines.Length);
        Assert.Equal(("time,name,value,balance,receipt", ",add_revenue,5,5,", ""), (lines[0], lines[1501], lines[1502]));
        Assert.Equal($"2026-01-31T12:00:01.499Z,add_revenue,1,1505,{source.Id:N}:1499", lines[1]);
        await page.HasTextAsync("#history-exported", "Exported as history.csv");

        // The browser logs the 401 from before the test entered the secret.
        Assert.DoesNotContain(page.Complaints, complaint => !complaint.Contains("401", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Without_a_history_the_page_shows_the_balance_and_the_setting_that_turns_it_on()
    {
        var browser = chromium.Browser;
        await using var database = await LedgerDatabase.CreateAsync();
        var source = await database.OpenLogAsync();
        await ApplyAsync(database, source, 0, 1, i => new AppliedEvent(i, 0, 7, Noon));
        await using var installation = new Installation(database.ConnectionString);
        await installation.StartApiAsync();
        await using var page = await OpenPage.OpenAsync(browser, installation.ApiUrl);
        await page.Page.FillAsync("#user", "<i>whale</i>");
        await page.Page.PressAsync("#user", "Enter");
        await page.HasTextAsync("#watched-value", "7");
        await page.Page.Locator("#history-off").WaitForAsync();
        Assert.Contains("History:Enabled=true", await page.TextAsync("#history-off"), StringComparison.Ordinal);
        Assert.False(await page.Page.Locator("#history").IsVisibleAsync());
        Assert.Equal("", await page.AccessibilityAsync());

        // If the history is enabled later, the list appears without a reload.
        await database.EnableHistoryAsync();
        await page.HasTextAsync("#history-summary", "No event of this user is in the history.");
        await ApplyAsync(database, source, 1, 1, i => new AppliedEvent(i, 0, 3, Noon));
        await page.HasTextAsync("#history-summary", "Balance from 7 to 10 in the latest event");
        Assert.False(await page.Page.Locator("#history-off").IsVisibleAsync());
        Assert.Empty(page.Complaints);
    }

    private static async Task ApplyAsync(LedgerDatabase database, LedgerSource source, long from, int count, Func<long, AppliedEvent> make) =>
        Assert.True(await database.ApplyAsync(
            source.Id, from, from + count, new EventDeltas(Enumerable.Range(0, count).Select(i => ("<i>whale</i>", make(from + i)))), [], count, count));
}
