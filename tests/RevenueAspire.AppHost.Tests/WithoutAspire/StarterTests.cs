using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Npgsql;
using RevenueAspire.Testing;

namespace RevenueAspire.AppHost.Tests.WithoutAspire;

/// <summary>Everything by one command, through the executables, on real Postgres.</summary>
public sealed class StarterTests
{
    [Fact]
    public async Task The_sample_is_sent_once_counted_kept_and_everything_stops_in_order()
    {
        using var data = new DataFolder();
        await using (var first = RunningStarter.Start(data.Path))
        {
            await first.WaitUntilUpAsync();
            await first.HasRevenueAsync("user1", 27);
            await first.HasRevenueAsync("user2", 58);

            await first.GenerateEventsAsync();
            await first.HasRevenueAsync("user1", 54);

            Assert.Equal(0, await first.Process.TerminateAsync(RunningStarter.StopLimit));
            AssertInOrder(first.Process.Output, "client has stopped (exit code 0)", "api has stopped (exit code 0)", "database system is shut down", "Everything has stopped.");
            AssertInOrder(first.Process.Output, "processor-1 has stopped (exit code 0)", "api has stopped");
            AssertInOrder(first.Process.Output, "processor-2 has stopped (exit code 0)", "api has stopped");
            Assert.False(data.HasRunningServer);
        }

        await using var second = RunningStarter.Start(data.Path);
        await second.WaitUntilUpAsync();
        Assert.Equal(54, await second.RevenueAsync("user1"));

        // Were the sample sent again at the start, it would be counted before what is sent now.
        await second.GenerateEventsAsync();
        await second.HasRevenueAsync("user1", 81);
        await Task.Delay(TimeSpan.FromSeconds(1));
        Assert.Equal(81, await second.RevenueAsync("user1"));
    }

    [Fact]
    public async Task The_first_line_says_why_there_is_no_dashboard_and_how_to_ask_the_feed_again()
    {
        await using var starter = await ServiceProcess.RunAsync(RunningStarter.Executable, ["--Ports:Api=none"]);

        Assert.Contains("not on the NuGet feed", starter.StandardOutput[0], StringComparison.Ordinal);
        Assert.Contains("delete the folder artifacts/", starter.StandardOutput[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--Ports:Api=none", "Ports:Api is 'none': it must be a whole number from 1 to 65535.")]
    [InlineData("--Ports:Client=70000", "Ports:Client is '70000': it must be a whole number from 1 to 65535.")]
    [InlineData("--Processor:Replicas=-1", "Processor:Replicas is '-1': it must be a whole number from 0 to 16.")]
    [InlineData("--operation", "Publishing needs Aspire's packages, which are not on the NuGet feed.")]
    public async Task A_wrong_setting_is_one_line_and_nothing_starts(string argument, string line)
    {
        using var data = new DataFolder();
        await using var starter = await ServiceProcess.RunAsync(RunningStarter.Executable, [$"--Data:Directory={data.Path}", argument]);

        Assert.Equal(1, starter.ExitCode);
        Assert.Equal([line], starter.StandardError);
        Assert.False(Directory.Exists(data.Path));
    }

    [Fact]
    public async Task A_port_in_use_is_one_line_that_names_who_and_nothing_starts()
    {
        using var data = new DataFolder();
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;

        await using var starter = await ServiceProcess.RunAsync(RunningStarter.Executable, RunningStarter.Arguments(data.Path, port, FreePort.Next()));

        Assert.Equal(1, starter.ExitCode);
        var line = Assert.Single(starter.StandardError);
        Assert.StartsWith(string.Create(CultureInfo.InvariantCulture, $"Port {port}, where the API is to listen, is in use"), line, StringComparison.Ordinal);
        Assert.Contains("--Ports:Api=", line, StringComparison.Ordinal);
        if (OperatingSystem.IsLinux())
        {
            Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"process {Environment.ProcessId} "), line, StringComparison.Ordinal);
        }

        Assert.False(data.HasRunningServer);
    }

    [Fact]
    public async Task A_second_one_on_the_same_data_leaves_the_first_alone()
    {
        using var data = new DataFolder();
        await using var first = RunningStarter.Start(data.Path, null, "--Processor:Replicas=0");
        await first.WaitUntilUpAsync();

        await using var second = await ServiceProcess.RunAsync(RunningStarter.Executable, RunningStarter.Arguments(data.Path, FreePort.Next(), FreePort.Next()));

        Assert.Equal(1, second.ExitCode);
        Assert.StartsWith("Another AppHost runs on " + data.Path, Assert.Single(second.StandardError), StringComparison.Ordinal);
        await first.GenerateEventsAsync();
        Assert.Equal(0, await first.Process.TerminateAsync(RunningStarter.StopLimit));
    }

    [Fact]
    public async Task Killed_it_leaves_nothing_behind_and_the_next_start_goes_on()
    {
        using var data = new DataFolder();
        await using var first = RunningStarter.Start(data.Path);
        await first.WaitUntilUpAsync();
        await first.HasRevenueAsync("user1", 27);

        await first.Process.KillAsync();
        if (!OperatingSystem.IsLinux())
        {
            // Elsewhere the starter cannot see that it is its own services that still hold the ports.
            await Eventually.IsTrueAsync(() => IsFree(first.ApiPort) && IsFree(first.ClientPort));
        }

        await using var second = RunningStarter.Start(data.Path, first.ApiPort, first.ClientPort);
        await second.WaitUntilUpAsync();
        await second.HasRevenueAsync("user1", 27);
        await second.GenerateEventsAsync();
        await second.HasRevenueAsync("user1", 54);
    }

    [Fact]
    public async Task With_a_dead_collector_events_are_sent_counted_and_everything_stops_in_time()
    {
        // Takes connections, and never answers.
        using var hanging = new TcpListener(IPAddress.Loopback, 0);
        hanging.Start();
        using var data = new DataFolder();
        await using var starter = RunningStarter.Start(data.Path, new Dictionary<string, string?>
        {
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = $"http://{hanging.LocalEndpoint}",
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
            ["OTEL_TRACES_SAMPLER"] = "always_on",
            ["OTEL_BSP_SCHEDULE_DELAY"] = "100",
        });
        await starter.WaitUntilUpAsync();
        await starter.HasRevenueAsync("user1", 27);
        // It was the collector that the services were given.
        await Eventually.IsTrueAsync(hanging.Pending);

        await starter.GenerateEventsAsync();

        await starter.HasRevenueAsync("user1", 54);
        Assert.Equal(0, await starter.Process.TerminateAsync(RunningStarter.StopLimit));
    }

    [Fact]
    public async Task A_service_that_ends_says_so_and_is_not_restarted()
    {
        if (!OperatingSystem.IsLinux())
        {
            Assert.Skip("Finds the service through /proc.");
        }

        using var data = new DataFolder();
        await using var starter = RunningStarter.Start(data.Path, null, "--Processor:Replicas=1");
        await starter.WaitUntilUpAsync();
        using var processor = System.Diagnostics.Process.GetProcessById(ChildOf(starter.Process.Id, "RevenueAspire.Processor.dll"));

        processor.Kill();

        await starter.Process.WaitForLineAsync("processor-1 has ended by itself with exit code 137. It is not restarted.");
        await starter.GenerateEventsAsync();
    }

    [Fact]
    public async Task The_users_own_database_wins()
    {
        using var data = new DataFolder();
        var database = await TestPostgres.CreateDatabaseAsync();
        await using var starter = RunningStarter.Start(data.Path, new Dictionary<string, string?> { ["ConnectionStrings__revenuedb"] = database });
        await starter.WaitUntilUpAsync();
        await starter.HasRevenueAsync("user1", 27);

        await using var source = NpgsqlDataSource.Create(database);
        await using var command = source.CreateCommand("select revenue from users_revenue where user_id = 'user1'");
        Assert.Equal(27m, await command.ExecuteScalarAsync());
        Assert.False(Directory.Exists(Path.Combine(data.Path, "postgres")));
    }

    private static void AssertInOrder(string output, params string[] parts)
    {
        var from = 0;
        foreach (var part in parts)
        {
            var at = output.IndexOf(part, from, StringComparison.Ordinal);
            Assert.True(at >= 0, $"'{part}' is not in the output, or too early:\n{output}");
            from = at;
        }
    }

    private static bool IsFree(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static int ChildOf(int parent, string program) =>
        Directory.EnumerateDirectories("/proc")
            .Where(d => int.TryParse(Path.GetFileName(d), out _))
            .Where(d => File.ReadAllText(d + "/cmdline").Contains(program, StringComparison.Ordinal) && File.ReadAllText(d + "/stat").Split(' ')[3] == parent.ToString(CultureInfo.InvariantCulture))
            .Select(d => int.Parse(Path.GetFileName(d), CultureInfo.InvariantCulture))
            .Single();
}
