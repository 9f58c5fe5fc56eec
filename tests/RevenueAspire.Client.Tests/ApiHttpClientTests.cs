using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.ServiceDiscovery;
using RevenueAspire.Client.CommandLine;
using RevenueAspire.Client.Http;
using RevenueAspire.CommandLine;
using RevenueAspire.ServiceDefaults;
using RevenueAspire.Testing;

namespace RevenueAspire.Client.Tests;

/// <summary>The handlers between a request and its socket, and the address that the socket connects to.</summary>
public sealed class ApiHttpClientTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Requests_pass_no_handler_before_the_socket()
    {
        using var host = Build();
        HttpMessageHandler handler = host.Services.GetRequiredService<IHttpMessageHandlerFactory>().CreateHandler(ApiHttpClient.Name);
        var names = new List<string>();
        for (; handler is DelegatingHandler outer; handler = outer.InnerHandler!)
        {
            names.Add(outer.GetType().Name);
        }

        Assert.IsType<SocketsHttpHandler>(handler);
        // The factory adds this handler, which does nothing per request.
        Assert.Equal(["LifetimeTrackingHttpMessageHandler"], names);
    }

    [Theory]
    [InlineData("https+http://api", "http://127.0.0.1:5000/", "services:api:http:0=http://127.0.0.1:5000")]
    [InlineData("http://api", "http://127.0.0.1:5000/", "services:api:http:0=http://127.0.0.1:5000/")]
    [InlineData(
        "https+http://api/v1",
        "https://127.0.0.1:5001/base/v1",
        "services:api:https:0=https://127.0.0.1:5001/base",
        "services:api:http:0=http://127.0.0.1:5000")]
    [InlineData("http://localhost:8000", "http://localhost:8000/")]
    [InlineData("http://[::1]:8000/x", "http://[::1]:8000/x")]
    [InlineData("https+http://api.example", "https://api.example/")]
    [InlineData("https+http://api.example:81/x", "https://api.example:81/x")]
    public async Task A_name_is_resolved_once_and_an_address_is_used_unchanged(string url, string address, params string[] settings)
    {
        using var host = Build(settings);

        Assert.Equal(
            address,
            (await ApiAddress.ResolveAsync(host.Services.GetRequiredService<ServiceEndpointResolver>(), new Uri(url), CancellationToken.None)).AbsoluteUri);
    }

    [Theory]
    [InlineData("", 1)]
    [InlineData("api.example", 0)]
    public async Task Send_uses_the_proxy_from_the_environment(string noProxy, int requests)
    {
        await using var proxy = await StubServer.StartAsync(context => StubServer.Page(context, StatusCodes.Status407ProxyAuthenticationRequired));

        await using var send = await SendAsync("http://api.example/", ("HTTP_PROXY", $"http://user:hunter2@127.0.0.1:{proxy.Port}"), ("NO_PROXY", noProxy));

        Assert.Equal(ExitCodes.NotDone, send.ExitCode);
        Assert.DoesNotContain("hunter2", send.Output, StringComparison.Ordinal);
        Assert.True(
            requests == 0 ? proxy.Requests.IsEmpty : proxy.Requests.All(request => request == "GET http://api.example/liveEvents/state"),
            string.Join('\n', proxy.Requests));
        Assert.Contains(
            requests == 0 ? "No API answers at http://api.example/" : "the proxy asks for a user name and a password (407)",
            send.StandardError[^1],
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_proxy_that_refuses_a_tunnel_ends_the_send_at_once()
    {
        await using var proxy = await StubServer.StartAsync(context => StubServer.Page(context, StatusCodes.Status403Forbidden));

        await using var send = await SendAsync("https://api.example/", ("HTTPS_PROXY", $"http://127.0.0.1:{proxy.Port}"));

        Assert.Equal(ExitCodes.NotDone, send.ExitCode);
        Assert.Equal(
            "Nothing can be sent to https://api.example/: the proxy refuses the connection (403); see HTTPS_PROXY and NO_PROXY.",
            Assert.Single(send.StandardError));
    }

    [Fact]
    public async Task Send_to_this_machine_bypasses_every_proxy()
    {
        await using var proxy = await StubServer.StartAsync(context => StubServer.Page(context, StatusCodes.Status502BadGateway));
        await using var api = await FakeApi.StartAsync();
        var address = $"http://127.0.0.1:{proxy.Port}";

        await using var send = await SendAsync($"http://localhost:{api.Url.Port}/", ("HTTP_PROXY", address), ("HTTPS_PROXY", address), ("ALL_PROXY", address));

        Assert.True(send.ExitCode == ExitCodes.Done, send.Output);
        Assert.Empty(proxy.Requests);
    }

    [Fact]
    public async Task An_invalid_proxy_variable_is_reported_in_one_line()
    {
        await using var send = await SendAsync("http://api.example/", ("HTTPS_PROXY", "ftp://user:hunter2@proxy"));

        Assert.Equal(ExitCodes.NotDone, send.ExitCode);
        Assert.Equal("HTTPS_PROXY is not a proxy's address like http://proxy:3128.", Assert.Single(send.StandardError));
    }

    private static IHost Build(params string[] settings)
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        foreach (var setting in settings)
        {
            builder.Configuration[setting.Split('=')[0]] = setting.Split('=')[1];
        }

        builder.AddServiceDefaults();
        builder.Services.AddApiHttpClient(_ => 4, proxy: null);
        return builder.Build();
    }

    private Task<ServiceProcess> SendAsync(string url, params (string Name, string Value)[] variables)
    {
        var file = _directory.File("a.jsonl");
        File.WriteAllText(file, SendHarness.Event(1) + "\n");
        var environment = new Dictionary<string, string?> { ["Data__Directory"] = _directory.File("data"), ["Client__GiveUpAfterSeconds"] = "1" };
        foreach (var name in (string[])["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"])
        {
            // Ignore proxy settings of the machine.
            (environment[name], environment[name.ToLowerInvariant()]) = (null, null);
        }

        foreach (var (name, value) in variables)
        {
            environment[name] = value;
        }

        return ServiceProcess.RunAsync("RevenueAspire.Client", ["send", file, "--url", url], environment);
    }
}
