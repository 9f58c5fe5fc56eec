using Microsoft.Playwright;

namespace RevenueAspire.Api.Tests.Browser;

/// <summary>Takes the screenshots in docs/images, under some load. Runs only with <c>SCREENSHOTS=docs/images</c>, from the root of the clone.</summary>
public sealed class Screenshots(Chromium chromium)
{
    private const int Seconds = 75;

    [Fact]
    public async Task Pictures_of_the_page_under_load_and_of_the_reference()
    {
        var folder = Environment.GetEnvironmentVariable("SCREENSHOTS");
        Assert.SkipWhen(folder is null, "SCREENSHOTS names no folder for screenshots");
        folder = Path.GetFullPath(folder, Repository.Root);
        await using var installation = await Installation.CreateAsync();
        installation.Settings["History__Enabled"] = "true"; // as in the AppHost
        await installation.StartApiAsync();
        installation.StartProcessor();
        await File.WriteAllLinesAsync(installation.File("events-2025-12.jsonl"),
        [
            """{"userId":"alma","name":"add_revenue","value":12.5}""", """{"userId":"bruno","name":"refund","value":10}""",
            """{"userId":"","name":"add_revenue","value":1}""", "END OF EXPORT",
            """{"userId":"carla","name":"add_revenue","value":120}""",
        ]);
        await installation.RunAsync("RevenueAspire.Processor", "process", installation.File("events-2025-12.jsonl"));
        await using var light = await OpenPage.OpenAsync(chromium.Browser, installation.ApiUrl, ColorScheme.Light, 1280, 1000);
        await using var dark = await OpenPage.OpenAsync(chromium.Browser, installation.ApiUrl, ColorScheme.Dark, 1280, 1000);
        await light.Page.FillAsync("#user", "dora");
        await light.Page.PressAsync("#user", "Enter");
        await SendAsync(installation, TimeSpan.FromSeconds(Seconds));

        await light.Page.ScreenshotAsync(new() { Path = Path.Combine(folder, "live-light.png"), FullPage = true });
        await dark.Page.ScreenshotAsync(new() { Path = Path.Combine(folder, "live-dark.png"), FullPage = true });
        await using var docs = await OpenPage.OpenAsync(chromium.Browser, installation.ApiUrl + "/docs");
        await docs.Page.Locator(".opblock").First.WaitForAsync();
        await docs.Page.ScreenshotAsync(new() { Path = Path.Combine(folder, "docs.png") });
    }

    /// <summary>Simulates a shop's day in one minute: many small purchases, some large ones, and rare refunds.</summary>
    private static async Task SendAsync(Installation installation, TimeSpan time)
    {
        string[] names = ["alma", "bruno", "carla", "dora", "emil", "frieda", "gustav", "hedwig", "ida", "jonas", "klara", "leo"];
        var random = new Random(7);
        var end = Environment.TickCount64 + (long)time.TotalMilliseconds;
        for (var round = 0; Environment.TickCount64 < end; round++)
        {
            var lines = Enumerable.Range(0, 40 + (int)(25 * Math.Sin(round / 20.0)) + random.Next(15)).Select(_ =>
            {
                var user = names[(int)(names.Length * random.NextDouble() * random.NextDouble())];
                var name = random.Next(12) == 0 ? "subtract_revenue" : "add_revenue";
                return $$"""{"userId":"{{user}}","name":"{{name}}","value":{{random.Next(1, 400)}}}""";
            });
            using var content = new StringContent(string.Join('\n', lines), System.Text.Encoding.UTF8, "application/jsonl");
            using var answer = await installation.Http.PostAsync(new Uri("/liveEvents", UriKind.Relative), content);
            answer.EnsureSuccessStatusCode();
            await Task.Delay(150);
        }
    }
}
