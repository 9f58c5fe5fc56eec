using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using RevenueAspire.Testing;

namespace RevenueAspire.ServiceDefaults.Tests;

public sealed class ServiceDiscoveryTests
{
    [Theory]
    [InlineData("https+http://api")]
    [InlineData("http://api")]
    public async Task A_configured_name_resolves_to_its_address_and_keeps_path_and_query(string name)
    {
        await using var api = await EchoAsync();
        using var client = Client(("services:api:http:0", api.Url()));

        var seen = await client.GetStringAsync(name + "/userEvents/a%2Fb?x=%20y&z=1");

        Assert.Equal("/userEvents/a%2Fb?x=%20y&z=1", seen);
    }

    [Fact]
    public async Task The_first_configured_scheme_wins()
    {
        await using var api = await EchoAsync();
        using var client = Client(("services:api:https:0", api.Url()), ("services:api:http:0", $"http://127.0.0.1:{FreePort.Next()}"));

        Assert.Equal("/x", await client.GetStringAsync("https+http://api/x"));
    }

    [Fact]
    public async Task An_unconfigured_host_is_used_unchanged()
    {
        await using var api = await EchoAsync();
        using var client = Client();

        Assert.Equal("/x", await client.GetStringAsync(api.Url() + "/x"));
    }

    private static Task<WebApplication> EchoAsync() =>
        TestServer.StartAsync(map: app => app.MapGet(
            "{**path}", (HttpRequest request) => request.HttpContext.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!.RawTarget));

    private static HttpClient Client(params (string Key, string Value)[] settings)
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        foreach (var (key, value) in settings)
        {
            builder.Configuration[key] = value;
        }

        builder.AddServiceDefaults();
        return builder.Build().Services.GetRequiredService<IHttpClientFactory>().CreateClient("any");
    }
}
