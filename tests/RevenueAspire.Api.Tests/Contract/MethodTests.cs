using System.Globalization;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using RevenueAspire.Api.Tests.Support;

namespace RevenueAspire.Api.Tests.Contract;

/// <summary>Only the documented methods on the documented paths are answered.</summary>
public sealed class MethodTests : IDisposable
{
    private static readonly string[] Methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"];
    private readonly TempDirectory _directory = new();

    /// <summary>All endpoints: the pattern, a matching path, and the allowed methods.</summary>
    public static TheoryData<string, string, string> Endpoints => new()
    {
        { "/liveEvent", "/liveEvent", "POST" },
        { "/liveEvents", "/liveEvents", "POST" },
        { "/liveEvents/state", "/liveEvents/state", "GET, HEAD" },
        { "/userEvents/{userid}", "/userEvents/user1", "GET, HEAD" },
        { "/userEvents", "/userEvents?userId=user1", "GET, HEAD" },
        { "/userEvents/{userid}/history", "/userEvents/user1/history", "GET, HEAD" },
        { "/userHistory", "/userHistory?userId=user1", "GET, HEAD" },
        { "/userEvents/{userid}/revenue", "/userEvents/user1/revenue", "GET, HEAD" },
        { "/userRevenue", "/userRevenue?userId=user1", "GET, HEAD" },
        { "/revenue", "/revenue", "GET, HEAD" },
        { "/receipts/{receipt}", "/receipts/x", "GET, HEAD" },
        { "/liveLedger", "/liveLedger", "GET, HEAD" },
        { "/health", "/health", "GET, HEAD" },
        { "/alive", "/alive", "GET, HEAD" },
        { "/openapi/v1.json", "/openapi/v1.json", "GET, HEAD" },
    };

    public void Dispose() => _directory.Dispose();

    [Theory]
    [MemberData(nameof(Endpoints))]
    public async Task Every_other_method_is_405_and_names_the_right_ones(string pattern, string path, string allowed)
    {
        await using var api = await ApiHost.StartAsync(_directory);

        foreach (var method in Methods.Where(method => !allowed.Split(", ").Contains(method)))
        {
            var answer = await api.SendAsync(new HttpMethod(method), path);

            Assert.True((405, allowed) == ((int)answer.Status, answer.Header("Allow")),
                $"{method} {pattern} is answered with {(int)answer.Status}, and Allow {answer.Header("Allow")}");
        }
    }

    /// <summary>The paths include a stream, which must end at once, a missing user, and a page.</summary>
    [Theory]
    [InlineData("/userEvents/user1", 404)]
    [InlineData("/userEvents?userId=user1", 404)]
    [InlineData("/userEvents/%ff", 400)]
    [InlineData("/userEvents/user1/history", 404)]
    [InlineData("/userEvents/user1/revenue", 400)]
    [InlineData("/receipts/x", 400)]
    [InlineData("/liveLedger", 200)]
    [InlineData("/health", 200)]
    [InlineData("/alive", 200)]
    [InlineData("/openapi/v1.json", 200)]
    [InlineData("/", 200)]
    [InlineData("/nowhere", 404)]
    public async Task HEAD_gets_the_answer_of_GET_without_the_body(string path, int status)
    {
        await using var api = await ApiHost.StartAsync(_directory, await TestPostgres.CreateDatabaseAsync());
        await Eventually.EqualsAsync(404, async () => (await api.GetAsync("/userEvents/user1")).Status);
        using var get = new HttpRequestMessage(HttpMethod.Get, new Uri(api.Address, path));

        var toHead = await api.SendRawAsync($"HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        using var toGet = await api.Client.SendAsync(get, HttpCompletionOption.ResponseHeadersRead);

        Assert.StartsWith(string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 {status} "), toHead, StringComparison.Ordinal);
        Assert.EndsWith("\r\n\r\n", toHead, StringComparison.Ordinal);
        Assert.Equal(status, (int)toGet.StatusCode);
        Assert.Contains($"Content-Type: {toGet.Content.Headers.ContentType!.MediaType}", toHead, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_test_of_methods_covers_every_endpoint()
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var patterns = api.Services.GetRequiredService<EndpointDataSource>().Endpoints.Cast<RouteEndpoint>()
            .Select(endpoint => "/" + endpoint.RoutePattern.RawText!.TrimStart('/'));

        Assert.Equal(Endpoints.Select(row => row.Data.Item1).Order(StringComparer.Ordinal), patterns.Order(StringComparer.Ordinal));
    }
}
