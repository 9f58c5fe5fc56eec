using RevenueAspire.LocalPostgres.Binaries;
using RevenueAspire.LocalPostgres.Processes;
using RevenueAspire.Testing;

namespace RevenueAspire.LocalPostgres.Tests;

public sealed class LeftBehindTests
{
    [Fact]
    public async Task A_server_left_behind_by_kill_9_is_stopped_by_the_next_start_which_has_its_port_and_data()
    {
        using var directory = TempDirectory.ForPostgres();
        var port = FreePort.Next();
        var (owner, serverId, _) = await LocalServer.StartOwnerAsync(directory, port);
        await using (owner)
        {
            await LocalServer.ExecuteAsync($"Host=127.0.0.1;Port={port};Username=postgres;Password=owner;Database=postgres", "create table kept(n int); insert into kept values (42)");
            await owner.KillAsync();
        }

        Assert.True(ProcessState.IsAlive(serverId), "the server outlives its owner here, else the test shows nothing");
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
    public async Task A_directory_in_use_by_a_living_owner_is_refused_and_its_server_left_alone()
    {
        using var directory = TempDirectory.ForPostgres();
        await using var server = await LocalServer.StartAsync(directory);
        var refused = await Assert.ThrowsAsync<LocalPostgresException>(() => LocalServer.StartAsync(directory));
        Assert.Contains("Another process runs a Postgres server on " + directory.File("data"), refused.Message, StringComparison.Ordinal);
        Assert.Equal(1, await LocalServer.QueryAsync<int>(server.ConnectionString(), "select 1"));
    }

    [Fact]
    public async Task A_server_that_was_not_started_from_here_is_refused_twice_and_left_alone()
    {
        using var directory = TempDirectory.ForPostgres();
        await (await LocalServer.StartAsync(directory)).DisposeAsync();

        // Without the lock file this is any user's own data directory.
        File.Delete(directory.File("data.lock"));
        var installation = await PostgresBinaries.FindAsync(directory.File("data"), null, PostgresSearch.Machine(), CancellationToken.None);
        var account = await ServerAccount.FindAsync(directory.File("data"), CancellationToken.None);
        var port = FreePort.Next();
        var stranger = ServerProcess.Start(account.Wrap(new LaunchCommand(installation.Program("postgres"), ["-D", directory.File("data"), "-p", $"{port}", "-c", "unix_socket_directories="])), null);
        try
        {
            await Eventually.EqualsAsync(1, () => LocalServer.QueryAsync<int>($"Host=127.0.0.1;Port={port};Username=postgres;Password=test;Database=postgres", "select 1"));
            for (var attempt = 0; attempt < 2; attempt++)
            {
                var refused = await Assert.ThrowsAsync<LocalPostgresException>(() => LocalServer.StartAsync(directory));
                Assert.Contains("not started from here", refused.Message, StringComparison.Ordinal);
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
    public async Task A_stale_pid_file_that_names_another_living_process_does_not_block_the_start()
    {
        using var directory = TempDirectory.ForPostgres();
        await (await LocalServer.StartAsync(directory)).DisposeAsync();
        var pidFile = Path.Combine(directory.File("data"), "postmaster.pid");
        await File.WriteAllTextAsync(pidFile, $"{Environment.ProcessId}\n{directory.File("data")}\n1700000000\n5432\n\n127.0.0.1\n  1234567   0\nready   \n");
        await using var server = await LocalServer.StartAsync(directory);
        Assert.NotEqual(Environment.ProcessId, server.ProcessId);
    }

    [Fact]
    public async Task What_an_interrupted_initdb_left_is_removed_by_the_next_start()
    {
        using var directory = TempDirectory.ForPostgres();
        var abandoned = Directory.CreateDirectory(directory.File("data.initdb-0123")).FullName;
        await File.WriteAllTextAsync(Path.Combine(abandoned, "PG_VERSION"), "15\n");
        await using var server = await LocalServer.StartAsync(directory);
        Assert.False(Directory.Exists(abandoned));
    }
}
