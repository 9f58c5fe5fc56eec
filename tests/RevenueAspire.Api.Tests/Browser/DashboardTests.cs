using Microsoft.Playwright;

namespace RevenueAspire.Api.Tests.Browser;

/// <summary>The dashboard of the real AppHost in a real browser. <c>SCREENSHOTS=docs/images</c> also takes its screenshots.</summary>
public sealed class DashboardTests(Chromium chromium, Dashboard dashboard) : IClassFixture<Dashboard>
{
    private const string AllRun = "postgres Running\nrevenuedb Running\napi Running\nclient Running\nprocessor Running\nprocessor Running";

    [Fact]
    public async Task Every_resource_is_running_and_healthy_and_Postgres_shows_its_address()
    {
        await using var page = await dashboard.OpenAsync(chromium.Browser, height: 520);
        await Eventually.EqualsAsync(AllRun, () => StatesAsync(page.Page));
        Assert.StartsWith("tcp://localhost:", (await page.Page.Row("postgres").Locator("td[col-index='5']").InnerTextAsync()).Trim(), StringComparison.Ordinal);
        Assert.Equal(0, await page.Page.Locator("fluent-message-bar").CountAsync());
        Assert.Equal("", (await page.Page.Locator(".top-messagebar").InnerTextAsync()).Trim());
        await PictureAsync(page.Page, "dashboard.png");
        Assert.Empty(page.Complaints);
    }

    [Fact]
    public async Task Send_events_answers_with_the_counts_of_the_sample()
    {
        await using var page = await dashboard.OpenAsync(chromium.Browser);
        await page.Page.Row("client").Locator("fluent-button[title^='Sends the sample file']").ClickAsync();
        Assert.Equal("\"Send events.jsonl\" succeeded: events.jsonl: 5 events sent, 5 accepted, 0 rejected.", await page.Page.AnswerAsync("Send events.jsonl"));
        Assert.Empty(page.Complaints);
    }

    [Fact]
    public async Task Send_load_asks_for_count_and_rate_and_answers_with_the_counts()
    {
        await using var page = await dashboard.OpenAsync(chromium.Browser);
        await page.Page.ChooseAsync("client", "Send load");
        await page.Page.FillAndConfirmAsync("Send load", "200", "1000");
        Assert.StartsWith(
            "\"Send load\" succeeded: 200 events sent, 200 accepted, 0 failed, 0 due but not sent, in ", await page.Page.AnswerAsync("Send load"),
            StringComparison.Ordinal);
        Assert.Empty(page.Complaints);
    }

    [Fact]
    public async Task Process_a_file_asks_for_the_path_and_answers_with_a_table()
    {
        var path = dashboard.Write("day1.jsonl", """{"userId":"day1","name":"add_revenue","value":5}""" + "\n");
        await using var page = await dashboard.OpenAsync(chromium.Browser);
        await page.Page.ChooseAsync("processor", "Process a file");
        await page.Page.FillAndConfirmAsync("Process a file", path);
        var table = page.Page.Locator("fluent-dialog[type=modal] fluent-dialog-body", new() { HasText = path });
        await table.WaitForAsync();
        Assert.Matches("day1\\.jsonl\\s+counted\\s+1\\s+1\\s+0\\s", await table.InnerTextAsync());
        await table.Locator("fluent-button[title=Close]").ClickAsync();
        Assert.StartsWith("\"Process a file\" succeeded: day1.jsonl: every line is counted.", await page.Page.AnswerAsync("Process a file"),
            StringComparison.Ordinal);
        Assert.Empty(page.Complaints);
    }

    [Fact]
    public async Task Verify_ledger_answers_that_all_are_equal()
    {
        await using var page = await dashboard.OpenAsync(chromium.Browser);
        await page.Page.Row("processor").Locator("fluent-button[title^='Adds up all events']").ClickAsync();
        Assert.Matches("^\"Verify ledger\" succeeded: \\d+ users of \\d+ sources? checked: all equal\\.$", await page.Page.AnswerAsync("Verify ledger"));
        Assert.Empty(page.Complaints);
    }

    [Fact]
    public async Task Postgres_stops_and_starts()
    {
        await using var page = await dashboard.OpenAsync(chromium.Browser);
        await page.Page.ChooseAsync("postgres", "Stop");
        await Eventually.IsTrueAsync(async () => (await StatesAsync(page.Page)).StartsWith("postgres Exited\nrevenuedb Exited\n", StringComparison.Ordinal));
        Assert.Equal("\"Stop\" succeeded: ", await page.Page.AnswerAsync("Stop"));
        await page.Page.ReloadAsync();
        await page.Page.ChooseAsync("postgres", "Start");
        await Eventually.EqualsAsync(AllRun, () => StatesAsync(page.Page));
        Assert.Equal("\"Start\" succeeded: ", await page.Page.AnswerAsync("Start"));
        Assert.Empty(page.Complaints);
    }

    [Fact]
    public async Task A_trace_covers_client_API_and_log_commit_and_the_merge_is_linked_to_it()
    {
        await using var page = await dashboard.OpenAsync(chromium.Browser, height: 560);
        await page.Page.Row("client").Locator("fluent-button[title^='Sends the sample file']").ClickAsync();
        await page.Page.Locator("fluent-toast-b", new() { HasText = "\"Send events.jsonl\" succeeded" }).WaitForAsync();
        await page.Page.GotoAsync(new Uri(new Uri(page.Page.Url), "/traces").ToString());
        var trace = page.Page.Locator("tr", new() { HasText = "POST /generateEvents" }).First;
        await Eventually.IsTrueAsync(async () =>
        {
            // The page loses input before it is connected, so repeat the input.
            await page.Page.Locator("fluent-text-input input").First.FillAsync("");
            await page.Page.Locator("fluent-text-input input").First.FillAsync("generateEvents");
            await Task.Delay(TimeSpan.FromSeconds(1));
            return await trace.CountAsync() > 0;
        });
        await trace.Locator("td[col-index='2']").ClickAsync();
        await page.Page.Locator("tr", new() { HasText = "log commit" }).First.WaitForAsync();
        var spans = await page.Page.Locator("tr").AllInnerTextsAsync();
        Assert.Contains(spans, span => Shows(span, "POST /generateEvents", "client"));
        Assert.Contains(spans, span => Shows(span, "POST /liveEvent", "api"));
        Assert.Contains(spans, span => Shows(span, "log commit", "api"));
        await PictureAsync(page.Page, "trace.png");

        // The merge's span can arrive later than the trace.
        await Eventually.IsTrueAsync(async () =>
        {
            await page.Page.ReloadAsync();
            await page.Page.Locator("tr", new() { HasText = "POST /liveEvent" }).First.ClickAsync();
            await page.Page.GetByText("Backlinks").WaitForAsync();
            return await page.Page.GetByText("merge live range").CountAsync() > 0;
        });
        Assert.Empty(page.Complaints);
    }

    private static bool Shows(string row, params string[] texts) => texts.All(text => row.Contains(text, StringComparison.Ordinal));

    /// <summary>Name and state of each row. A replica has the name of its project.</summary>
    private static async Task<string> StatesAsync(IPage page)
    {
        var cells = await page.Locator("tr[role=row]:has(td)").EvaluateAllAsync<string[]>(
            "rows => rows.map(row => `${row.cells[0].innerText.trim().split('-')[0]} ${row.cells[1]?.innerText.trim()}`)");
        return string.Join('\n', cells);
    }

    private static async Task PictureAsync(IPage page, string name)
    {
        if (Dashboard.Pictures is { } folder)
        {
            await page.Mouse.MoveAsync(0, 0);
            await page.ScreenshotAsync(new() { Path = Path.Combine(folder, name) });
        }
    }
}
