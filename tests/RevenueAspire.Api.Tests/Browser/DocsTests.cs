using Microsoft.Playwright;

namespace RevenueAspire.Api.Tests.Browser;

/// <summary>The reference at <c>/docs</c> in a real browser.</summary>
public sealed class DocsTests(Chromium chromium)
{
    [Theory]
    [InlineData(ColorScheme.Light)]
    [InlineData(ColorScheme.Dark)]
    public async Task The_reference_shows_each_call_and_sends_no_request_to_others(ColorScheme scheme)
    {
        var browser = chromium.Browser;
        await using var installation = Installation.WithoutDatabase();
        await installation.StartApiAsync();
        await using var page = await OpenPage.OpenAsync(browser, installation.ApiUrl + "/docs", scheme);
        await page.Page.Locator(".opblock").First.WaitForAsync();
        Assert.Equal(14, await page.Page.Locator(".opblock").CountAsync());
        await page.Page.ClickAsync("#operations-Send-liveEvent button.opblock-summary-control");
        await page.Page.GetByText("Idempotency-Key").First.WaitForAsync();
        Assert.Equal("", await page.AccessibilityAsync());
        await page.Page.ClickAsync(".btn.authorize");
        await page.Page.Locator(".dialog-ux .modal-ux[role=dialog]").WaitForAsync();
        Assert.Equal("", await page.AccessibilityAsync());
        Assert.All(page.Requests, url =>
            Assert.True(url.StartsWith(installation.ApiUrl, StringComparison.Ordinal) || url.StartsWith("data:", StringComparison.Ordinal), url));
        Assert.Empty(page.Complaints);
    }
}
