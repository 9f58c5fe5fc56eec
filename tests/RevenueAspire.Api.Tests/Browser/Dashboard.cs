using System.Text.RegularExpressions;
using Microsoft.Playwright;

namespace RevenueAspire.Api.Tests.Browser;

/// <summary>One AppHost for all tests of a class, and its dashboard. Started by the first test that opens it.</summary>
public sealed class Dashboard : IAsyncDisposable
{
    // For screenshots, the ports that a user sees; otherwise free ports.
    private const int ApiPort = 8000;
    private const int ClientPort = 3000;

    private readonly TempDirectory _parent = TempDirectory.ForPostgres();
    private RunningAppHost? _host;

    /// <summary>The folder for screenshots; null for no screenshots.</summary>
    public static string? Pictures { get; } = Environment.GetEnvironmentVariable("SCREENSHOTS") is { } folder ? Path.GetFullPath(folder, Repository.Root)
        : null;

    /// <summary>Writes a file that the AppHost can read, and returns its path.</summary>
    public string Write(string name, string content)
    {
        File.WriteAllText(_parent.File(name), content);
        return _parent.File(name);
    }

    /// <summary>Opens the dashboard's first page, when the sample events have been sent and counted.</summary>
    internal async Task<OpenPage> OpenAsync(IBrowser browser, int height = 900)
    {
        if (_host is null)
        {
            _host = Pictures is null ? RunningAppHost.Start(_parent.File("data")) : RunningAppHost.Start(_parent.File("data"), ApiPort, ClientPort);
            await _host.WaitUntilUpAsync();
            await _host.HasRevenueAsync("user1", 27);
        }

        return await OpenPage.OpenAsync(browser, await _host.LoginUrlAsync(), height: height);
    }

    public async ValueTask DisposeAsync()
    {
        if (_host is not null)
        {
            await _host.DisposeAsync();
        }

        _parent.Dispose();
    }
}

/// <summary>The dashboard's controls, by their visible names.</summary>
internal static class DashboardPage
{
    public static ILocator Row(this IPage page, string resource) => page.Locator("tr.resource-row", new() { HasText = resource }).First;

    /// <summary>Chooses a command in the menu of a resource.</summary>
    public static async Task ChooseAsync(this IPage page, string resource, string command)
    {
        await page.Row(resource).Locator("fluent-button[title=Actions]").ClickAsync();
        await page.Locator("fluent-menu-item:visible", new() { HasTextRegex = new Regex($"^\\s*{command}\\s*$") }).ClickAsync();
    }

    /// <summary>Fills the inputs of a command's dialog in their order, and confirms it.</summary>
    public static async Task FillAndConfirmAsync(this IPage page, string command, params string[] values)
    {
        var dialog = page.Locator("#interactions-input-dialog");
        for (var i = 0; i < values.Length; i++)
        {
            await dialog.Locator("fluent-text-input input").Nth(i).FillAsync(values[i]);
        }

        await dialog.Locator("fluent-button", new() { HasText = command }).ClickAsync();
    }

    /// <summary>Waits until a command has ended; returns the title and the text of its notification.</summary>
    public static async Task<string> AnswerAsync(this IPage page, string command)
    {
        await page.Locator("fluent-toast-b", new() { HasTextRegex = new Regex($"\"{command}\" (succeeded|failed)") }).First.WaitForAsync();
        await page.Locator("fluent-button[title=Notifications]").ClickAsync();
        var entry = page.Locator(".notification-entry", new() { HasText = $"\"{command}\"" }).First;
        return $"{(await entry.Locator(".notification-entry-message").InnerTextAsync()).Trim()}: "
            + $"{(await entry.Locator(".notification-entry-content").InnerTextAsync()).Trim()}";
    }
}
