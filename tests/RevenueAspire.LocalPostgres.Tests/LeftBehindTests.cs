using RevenueAspire.LocalPostgres.Binaries;
using RevenueAspire.LocalPostgres.Processes;
using RevenueAspire.Testing;

namespace RevenueAspire.LocalPostgres.Tests;

public sealed class LeftBehindTests
{
    [Fact]
    public async Task The_next_start_stops_a_server_left_over_after_kill_9_and_uses_its_port_and_data()
    {
        using var directory = TempDirectory.ForPostgres();
        var port = FreePort.Next();
        var (owner, serverId, _) = await LocalServer.StartOwnerAsync(directory, port);
        await using (owner)
        {
            await LocalServer.ExecuteAsync(
                $"Host=127.0.0.1;Port={port};Username=postgres;Password=owner;Database=postgres", "create table kept(n int); insert into kept values (42)");
            await owner.KillAsync();
        }

        Assert.True(ProcessState.IsAlive(serverId), "the test requires that the server outlives its owner");
        await using var server = await LocalServer.StartAsync(directory, "new", port);
        Assert.False(ProcessState.IsAlive(serverId));
        Assert.Equal(port, server.Port);
        Assert.Equal(42, await LocalServer.QueryAsync<int>(server.ConnectionString(), "select n from kept"));
    }

    [Fact]
    public async Task StopWithParent_ends_the_server_after_a_kill_9_of_its_owner()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "has no effect on Windows");
        using var directory = TempDirectory.ForPostgres();
        var (owner, serverId, _) = await LocalServer.StartOwnerAsync(directory, stopWithParent: true);
        await using (owner)
        {
            await owner.KillAsync();
        }

        await Eventually.IsTrueAsync(() => !ProcessState.IsAlive(serverId));
    }

    [Fact]
    public async Task A_directory_with_a_running_owner_is_refused_and_its_server_keeps_running()
    {
        using var directory = TempDirectory.ForPostgres();
        await using var server = await LocalServer.StartAsync(directory);
        var refused = await Assert.ThrowsAsync<LocalPostgresException>(() => LocalServer.StartAsync(directory));
        Assert.Contains("Another process runs a Postgres server on " + directory.File("data"), refused.Message, StringComparison.Ordinal);
        Assert.Equal(1, await LocalServer.QueryAsync<int>(server.ConnectionString(), "select 1"));
    }

    [Fact]
    public async Task A_server_of_another_program_is_refused_twice_and_keeps_running()
    {
        using var directory = TempDirectory.ForPostgres();
        await (await LocalServer.StartAsync(directory)).DisposeAsync();

        // Without the lock file, this looks like another program's data directory.
        File.Delete(directory.File("data.lock"));
        var installation = await PostgresBinaries.FindAsync(directory.File("data"), null, PostgresSearch.Machine(), CancellationToken.None);
        var account = await ServerAccount.FindAsync(directory.File("data"), CancellationToken.None);
        var port = FreePort.Next();
        string[] arguments = ["-D", directory.File("data"), "-p", $"{port}", "-c", "unix_socket_directories="];
        var stranger = ServerProcess.Start(account.Wrap(new LaunchCommand(installation.Program("postgres"), arguments)), null);
        try
        {
            await Eventually.EqualsAsync(
                1, () => LocalServer.QueryAsync<int>($"Host=127.0.0.1;Port={port};Username=postgres;Password=test;Database=postgres", "select 1"));
            for (var attempt = 0; attempt < 2; attempt++)
            {
                var refused = await Assert.ThrowsAsync<LocalPostgresException>(() => LocalServer.StartAsync(directory));
                Assert.Contains("that this program did not start", refused.Message, StringComparison.Ordinal);
            }

            Assert.False(stranger.Exited.IsCompleted);
        }
        finally
        {
            stranger.Kill();
            await stranger.Exited;
            stranger.Dispose();
        }
    }

    [Fact]
    public async Task A_stale_pid_file_with_the_id_of_another_process_does_not_block_the_start()
    {
        using var directory = TempDirectory.ForPostgres();
        await (await LocalServer.StartAsync(directory)).DisposeAsync();
        var pidFile = Path.Combine(directory.File("data"), "postmaster.pid");
        await File.WriteAllTextAsync(pidFile, $"{Environment.ProcessId}\n{directory.File("data")}\n1700000000\n5432\n\n127.0.0.1\n  1234567   0\nready   \n");
        await using var server = await LocalServer.StartAsync(directory);
        Assert.NotEqual(Environment.ProcessId, server.ProcessId);
    }

    [Fact]
    public async Task The_next_start_removes_the_remains_of_an_interrupted_initdb()
    {
        using var directory = TempDirectory.ForPostgres();
        var abandoned = Directory.CreateDirectory(directory.File("data.initdb-0123")).FullName;
        await File.WriteAllTextAsync(Path.Combine(abandoned, "PG_VERSION"), "15\n");
        await using var server = await LocalServer.StartAsync(directory);
        Assert.False(Directory.Exists(abandoned));
    }
}
