using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using RevenueAspire.Api.Tests.Support;

namespace RevenueAspire.Api.Tests.Contract;

/// <summary>Nothing answers but the documented methods on the documented paths.</summary>
public sealed class MethodTests : IDisposable
{
    private static readonly string[] Methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"];
    private readonly TempDirectory _directory = new();

    /// <summary>Each endpoint there is: its pattern, a path that meets it, and the one method that it takes.</summary>
    public static TheoryData<string, string, string> Endpoints => new()
    {
        { "/liveEvent", "/liveEvent", "POST" },
        { "/liveEvents", "/liveEvents", "POST" },
        { "/userEvents/{userid}", "/userEvents/user1", "GET" },
        { "/userEvents", "/userEvents?userId=user1", "GET" },
        { "/receipts/{receipt}", "/receipts/x", "GET" },
        { "/liveLedger", "/liveLedger", "GET" },
        { "/health", "/health", "GET" },
        { "/alive", "/alive", "GET" },
        { "/openapi/{documentName}.json", "/openapi/v1.json", "GET" },
    };

    public void Dispose() => _directory.Dispose();

    [Theory]
    [MemberData(nameof(Endpoints))]
    public async Task Every_other_method_is_405_and_names_the_right_one(string pattern, string path, string allowed)
    {
        await using var api = await ApiHost.StartAsync(_directory);

        foreach (var method in Methods.Where(method => method != allowed))
        {
            var answer = await api.SendAsync(new HttpMethod(method), path);

            Assert.True((405, allowed) == ((int)answer.Status, answer.Header("Allow")), $"{method} {pattern} is answered with {(int)answer.Status}, and Allow {answer.Header("Allow")}");
        }
    }

    [Fact]
    public async Task There_is_no_endpoint_that_the_test_of_methods_does_not_know()
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var patterns = api.Services.GetRequiredService<EndpointDataSource>().Endpoints.Cast<RouteEndpoint>().Select(endpoint => "/" + endpoint.RoutePattern.RawText!.TrimStart('/'));

        Assert.Equal(Endpoints.Select(row => row.Data.Item1).Order(StringComparer.Ordinal), patterns.Order(StringComparer.Ordinal));
    }
}
