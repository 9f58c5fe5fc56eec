using System.Net;
using System.Net.Sockets;
using RevenueAspire.Testing;

namespace RevenueAspire.Client.Tests;

/// <summary>Health checks, and settings that prevent the start.</summary>
public sealed class ServiceStartTests : ServiceFixture
{
    [Fact]
    public async Task Health_and_liveness_answer()
    {
        await using var client = await StartAsync(new Uri("http://127.0.0.1:1"), null);

        Assert.Equal(HttpStatusCode.OK, (await Http.GetAsync(new Uri(Generate, "/health"))).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await Http.GetAsync(new Uri(Generate, "/alive"))).StatusCode);
    }

    [Fact]
    public async Task A_closed_terminal_stops_the_service_cleanly()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no SIGHUP.");
        await using var client = await StartAsync(new Uri("http://127.0.0.1:1"), null);

        client.Send(Signal.Hangup);

        Assert.Equal(0, await client.WaitForExitAsync());
    }

    [Fact]
    public async Task A_port_in_use_is_reported_in_one_line_with_exit_1()
    {
        using var listener = new TcpListener(IPAddress.Loopback, Port);
        listener.Start();

        await AssertFailsAsync("address already in use", ("ASPNETCORE_URLS", $"http://127.0.0.1:{Port}"));
    }

    [Theory]
    [InlineData("http://203.0.113.9:8765")]
    [InlineData("https://localhost:8766")]
    [InlineData("http://localhost:99999")]
    [InlineData("ftp://localhost:8767")]
    public async Task An_unusable_listening_address_is_named_in_one_line_with_exit_1(string address)
    {
        await AssertFailsAsync(address, ("ASPNETCORE_URLS", address), ("HOME", FilePath("none")), ("XDG_DATA_HOME", FilePath("none")));
    }

    [Theory]
    [InlineData("Client:Secret is not set", "ASPNETCORE_ENVIRONMENT", "Production")]
    [InlineData("Client:Url: 'nonsense' is not an address", "Client__Url", "nonsense")]
    [InlineData("Client:Concurrency: must be from 1 to 1024", "Client__Concurrency", "0")]
    [InlineData("'many' at 'Client:Concurrency'", "Client__Concurrency", "many")]
    [InlineData("Client:File: must name", "Client__File", " ")]
    public async Task A_bad_setting_is_named_in_one_line_with_exit_1(string message, string name, string value) =>
        await AssertFailsAsync(message, ("ASPNETCORE_URLS", $"http://127.0.0.1:{Port}"), (name, value));
}
