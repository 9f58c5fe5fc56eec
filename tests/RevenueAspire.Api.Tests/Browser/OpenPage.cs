using System.Text.Json;
using Microsoft.Playwright;

namespace RevenueAspire.Api.Tests.Browser;

/// <summary>A page in a separate window, with the messages of its console and the addresses of its requests.</summary>
internal sealed class OpenPage : IAsyncDisposable
{
    private static readonly string Axe = new StreamReader(typeof(OpenPage).Assembly.GetManifestResourceStream("axe.min.js")!).ReadToEnd();
    private readonly IBrowserContext _context;

    private OpenPage(IBrowserContext context, IPage page) => (_context, Page) = (context, page);

    public IPage Page { get; }

    /// <summary>Errors and warnings of the console, exceptions, violations of the content security policy.</summary>
    public List<string> Complaints { get; } = [];

    /// <summary>Requested addresses.</summary>
    public List<string> Requests { get; } = [];

    public static async Task<OpenPage> OpenAsync(IBrowser browser, string url, ColorScheme scheme = ColorScheme.Light, int width = 1280, int height = 900)
    {
        var context = await browser.NewContextAsync(new() { ColorScheme = scheme, ViewportSize = new() { Width = width, Height = height }, Locale = "en-GB" });
        var opened = new OpenPage(context, await context.NewPageAsync());
        opened.Page.Console += (_, message) => opened.Hear(message.Type is "error" or "warning", message.Text);
        opened.Page.PageError += (_, error) => opened.Hear(true, error);
        opened.Page.Request += (_, request) =>
        {
            lock (opened.Requests)
            {
                opened.Requests.Add(request.Url);
            }
        };
        await opened.Page.GotoAsync(url);
        return opened;
    }

    /// <summary>The current text of an element.</summary>
    public async Task<string> TextAsync(string selector) => await Page.Locator(selector).TextContentAsync() ?? "";

    /// <summary>Waits until an element has this text.</summary>
    public async Task HasTextAsync(string selector, string text)
    {
        await Eventually.EqualsAsync(text, () => TextAsync(selector), goal: selector);
    }

    /// <summary>The violations that axe-core finds: one line per rule, with its elements.</summary>
    public async Task<string> AccessibilityAsync()
    {
        await Page.EvaluateAsync(Axe);
        var json = await Page.EvaluateAsync<JsonElement>(
            "() => axe.run(document, { resultTypes: ['violations'] }).then(result => result.violations.map(v => `${v.id}: ${v.help}: ${v.nodes.map(n => "
                + "n.html + ' ' + n.failureSummary).join(' | ')}`))");
        return string.Join('\n', json.EnumerateArray().Select(violation => violation.GetString()));
    }

    public int RequestsTo(string part)
    {
        lock (Requests)
        {
            return Requests.Count(url => url.Contains(part, StringComparison.Ordinal));
        }
    }

    public async ValueTask DisposeAsync() => await _context.DisposeAsync();

    private void Hear(bool isComplaint, string text)
    {
        if (isComplaint)
        {
            lock (Complaints)
            {
                Complaints.Add(text);
            }
        }
    }
}
