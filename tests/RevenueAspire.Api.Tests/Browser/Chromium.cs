using Microsoft.Playwright;
using RevenueAspire.Api.Tests.Browser;

[assembly: AssemblyFixture(typeof(Chromium))]

namespace RevenueAspire.Api.Tests.Browser;

/// <summary>The machine's Chromium, headless, for all tests of the assembly.</summary>
public sealed class Chromium : IAsyncLifetime
{
    private static readonly string[] Names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    private IPlaywright? _playwright;
    private IBrowser? _browser;

    /// <summary>The browser. Without one, the test is skipped with the reason, and fails in CI.</summary>
    public IBrowser Browser
    {
        get
        {
            const string Reason = "no Chromium on the PATH: install it, for example with apt-get install chromium";
            if (_browser is null)
            {
                Assert.SkipWhen(Environment.GetEnvironmentVariable("CI") != "true", Reason);
                Assert.Fail(Reason);
            }

            return _browser;
        }
    }

    public async ValueTask InitializeAsync()
    {
        if (FindExecutable() is not { } executable)
        {
            return;
        }

        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new()
        {
            ExecutablePath = executable,
            Args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
                "--disable-sync"],
        });
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
        {
            await _browser.DisposeAsync();
        }

        _playwright?.Dispose();
    }

    private static string? FindExecutable() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .SelectMany(folder => Names.Select(name => Path.Combine(folder, name))).FirstOrDefault(File.Exists);
}
