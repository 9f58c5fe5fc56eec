using System.Net;
using RevenueAspire.Testing;

namespace RevenueAspire.Client.Tests;

/// <summary>A web page must not be able to move money.</summary>
public sealed class CrossSiteTests : ServiceFixture
{
    private const string Browser = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120 Safari/537.36";

    [Fact]
    public async Task A_request_from_another_site_answers_403_and_sends_nothing()
    {
        await using var api = await FakeApi.StartAsync();
        await using var client = await StartAsync(api.Url, Write(SendHarness.Events(3)));
        (string Method, string Cause, (string, string)[] Headers)[] requests =
        [
            ("GET", "another site", [("Sec-Fetch-Site", "cross-site"), ("User-Agent", Browser)]),
            ("POST", "another site", [("Sec-Fetch-Site", "cross-site"), ("Origin", $"http://127.0.0.1:{Port}")]),
            ("GET", "another site", [("Sec-Fetch-Site", "same-site")]),
            ("GET", "another site", [("Sec-Fetch-Site", "")]),
            ("POST", "another site", [("Origin", "https://evil.example")]),
            ("POST", "another site", [("Origin", "null")]),
            ("POST", "another site", [("Origin", $"http://127.0.0.1:{Port + 1}")]),
            ("GET", "does not state which page", [("User-Agent", Browser)]),
            ("GET", "does not state which page", [("User-Agent", Browser), ("Referer", $"http://127.0.0.1:{Port}/")]),
        ];
        foreach (var (method, cause, headers) in requests)
        {
            using var answer = await SendAsync(method, headers);
            await AssertProblemAsync(HttpStatusCode.Forbidden, cause, answer);
        }

        Assert.Empty(api.Keys);
    }

    [Fact]
    public async Task Requests_from_own_pages_from_the_address_bar_and_from_programs_are_accepted()
    {
        await using var api = await FakeApi.StartAsync();
        await using var client = await StartAsync(api.Url, Write(SendHarness.Events(1)));
        (string, (string, string)[])[] requests =
        [
            ("GET", [("Sec-Fetch-Site", "none"), ("User-Agent", Browser)]),
            ("POST", [("Sec-Fetch-Site", "same-origin"), ("Origin", $"http://127.0.0.1:{Port}")]),
            ("POST", [("Origin", $"http://127.0.0.1:{Port}"), ("User-Agent", Browser)]),
            // A proxy terminates TLS.
            ("POST", [("Origin", $"https://127.0.0.1:{Port}"), ("User-Agent", Browser)]),
            ("GET", [("User-Agent", "curl/8.5.0")]),
            ("POST", []),
        ];
        foreach (var (method, headers) in requests)
        {
            using var answer = await SendAsync(method, headers);
            Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{method} {string.Join(' ', headers)}: {answer.StatusCode}");
        }

        Assert.Equal(requests.Length, api.Records.Count);
    }

    [Theory]
    [InlineData("Development", null, "localhost", true)]
    [InlineData("Development", null, "client.localhost:3000", true)]
    [InlineData("Development", null, "[::1]", true)]
    [InlineData("Development", null, "evil.example", false)]
    [InlineData("Development", "client;*.example.com", "client:3000", true)]
    [InlineData("Development", "client;*.example.com", "a.example.com", true)]
    [InlineData("Development", "client;*.example.com", "localhost", false)]
    [InlineData("Production", null, "any.example", true)]
    [InlineData("Production", "client", "any.example", false)]
    public async Task The_service_answers_only_for_its_host_names(string environment, string? hosts, string host, bool isOwn)
    {
        await using var client = ServiceProcess.Start("RevenueAspire.Client", [], new Dictionary<string, string?>
        {
            ["ASPNETCORE_ENVIRONMENT"] = environment,
            ["ASPNETCORE_URLS"] = $"http://127.0.0.1:{Port}",
            ["Client__Secret"] = "secret",
            ["Data__Directory"] = FilePath("data"),
            ["AllowedHosts"] = hosts,
        });
        await client.WaitForLineAsync("Now listening on");
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(Generate, "/alive")) { Headers = { Host = host } };

        using var answer = await Http.SendAsync(request);

        Assert.Equal(isOwn ? HttpStatusCode.OK : HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Theory]
    [InlineData("http://localhost")]
    [InlineData("localhost:3000")]
    [InlineData("localhost, client")]
    [InlineData("::1")]
    public async Task An_invalid_host_name_is_named_in_the_error(string host) => await AssertFailsAsync(
        $"AllowedHosts: '{host}' is not a host name.", ("ASPNETCORE_URLS", $"http://127.0.0.1:{Port}"), ("AllowedHosts", "client;" + host));

    private Task<HttpResponseMessage> SendAsync(string method, (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), Generate);
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return Http.SendAsync(request);
    }
}
