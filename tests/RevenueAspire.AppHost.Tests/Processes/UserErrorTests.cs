using System.Globalization;
using System.Net;
using System.Net.Sockets;
using RevenueAspire.Testing;

namespace RevenueAspire.AppHost.Tests.Processes;

/// <summary>A user error is one line on standard error, without a stack trace.</summary>
public sealed class UserErrorTests : IDisposable
{
    private readonly DataFolder _data = new();

    public void Dispose() => _data.Dispose();

    [Theory]
    [InlineData("--Ports:Api=none", "Ports:Api is 'none': it must be a whole number from 1 to 65535.")]
    [InlineData("--Ports:Client=70000", "Ports:Client is '70000': it must be a whole number from 1 to 65535.")]
    [InlineData("--Ports:Postgres=-1", "Ports:Postgres is '-1': it must be a whole number from 0 to 65535.")]
    [InlineData("--Processor:Replicas=0", "Processor:Replicas is '0': it must be a whole number from 1 to 16.")]
    [InlineData("--Postgres:Replicas=5", "Postgres:Replicas is '5': it must be a whole number from 0 to 4.")]
    [InlineData("--Postgres:Replicas=two", "Postgres:Replicas is 'two': it must be a whole number from 0 to 4.")]
    [InlineData(
        "--Postgres:Replicas=1 --Postgres:Mode=container",
        "Postgres:Replicas is '1', but the Postgres container has no standbys; set Postgres:Mode to 'local'.")]
    [InlineData(
        "--Postgres:Replicas=1 --ConnectionStrings:revenuedb=Host=a",
        "Postgres:Replicas is '1', but ConnectionStrings:revenuedb names an external server.")]
    [InlineData(
        "--Postgres:Replicas=1 --Ports:Postgres=65532",
        "Ports:Postgres is '65532': with Postgres:Replicas it must be at most 65531, since the standbys use the ports after it.")]
    [InlineData("--Postgres:Mode=docker", "Postgres:Mode is 'docker': it must be 'container', 'local' or not set.")]
    public async Task A_wrong_setting_prints_one_line_and_starts_nothing(string arguments, string line)
    {
        await using var host = RunningAppHost.Start(_data.Path, null, arguments.Split(' '));

        Assert.Equal(1, await host.Process.WaitForExitAsync());
        Assert.Equal([line], host.Process.StandardError);
        Assert.Empty(host.Process.StandardOutput);
        Assert.False(Directory.Exists(_data.Path));
    }

    [Fact]
    public async Task A_port_in_use_prints_one_line_that_names_its_owner()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;
        await using var host = RunningAppHost.Start(_data.Path, port, FreePort.Next());

        await AssertOneLineAsync(host, string.Create(CultureInfo.InvariantCulture, $"api: Port {port} of the api is in use"));

        var line = host.Process.StandardError[0];
        Assert.Contains("--Ports:Api=", line, StringComparison.Ordinal);
        if (OperatingSystem.IsLinux())
        {
            Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"process {Environment.ProcessId} "), line, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_data_directory_of_another_major_version_prints_one_line()
    {
        Directory.CreateDirectory(_data.Postgres);
        await File.WriteAllTextAsync(Path.Combine(_data.Postgres, "PG_VERSION"), "9.6\n");
        await using var host = RunningAppHost.Start(_data.Path);

        await AssertOneLineAsync(host, $"postgres: {_data.Postgres} was created by PostgreSQL 9.6, but 15 to 18 is required");
    }

    private static async Task AssertOneLineAsync(RunningAppHost host, string start)
    {
        await host.Process.WaitForLineAsync(start, RunningAppHost.StartLimit);
        await host.Process.WaitForLineAsync("Login to the dashboard", RunningAppHost.StartLimit);
        Assert.Equal(0, await host.InterruptAsync());

        Assert.StartsWith(start, Assert.Single(host.Process.StandardError), StringComparison.Ordinal);
        host.AssertQuiet();
    }
}
