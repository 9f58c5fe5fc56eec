using System.Diagnostics;
using Npgsql;
using RevenueAspire.LocalPostgres.Processes;
using RevenueAspire.Testing;

namespace RevenueAspire.LocalPostgres.Tests;

public sealed class StartAndStopTests
{
    [Fact]
    public async Task Restart_keeps_the_data_and_sets_the_new_password()
    {
        using var directory = TempDirectory.ForPostgres();
        const string first = "it's \\ \"quoted\"; -- ü😀";
        await using (var server = await LocalServer.StartAsync(directory, first))
        {
            await LocalServer.ExecuteAsync(server.ConnectionString(), "create table kept(n int); insert into kept values (42)");
        }

        await using var again = await LocalServer.StartAsync(directory, "another");
        Assert.Equal(42, await LocalServer.QueryAsync<int>(again.ConnectionString(), "select n from kept"));
        var old = new NpgsqlConnectionStringBuilder(again.ConnectionString()) { Password = first }.ConnectionString;
        var refused = await Assert.ThrowsAsync<PostgresException>(() => LocalServer.QueryAsync<int>(old, "select 1"));
        Assert.Equal(PostgresErrorCodes.InvalidPassword, refused.SqlState);
    }

    [Fact]
    public async Task A_running_server_is_private_utf8_and_in_a_separate_session()
    {
        using var directory = TempDirectory.ForPostgres();
        var log = new List<string>();
        await using var server = await LocalServer.StartAsync(directory, log: log.Add);
        Assert.Equal("127.0.0.1", await Show("listen_addresses"));
        Assert.Equal("", await Show("unix_socket_directories"));
        Assert.Equal("UTF8", await Show("server_encoding"));
        Assert.Equal("on", await Show("fsync"));
        Assert.Contains(log, line => line.Contains("ready to accept connections", StringComparison.Ordinal));
        Assert.SkipWhen(OperatingSystem.IsWindows(), "sessions and modes exist only on Unix");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(directory.File("data")));
        var session = await Tool.RunAsync(new LaunchCommand("/bin/sh", ["-c",
            $"ps -o sid= -p {server.ProcessId} || cut -d' ' -f6 /proc/{server.ProcessId}/stat"]), TimeSpan.FromSeconds(10), CancellationToken.None);
        Assert.Equal(server.ProcessId, int.Parse(session.Lines[^1], null));

        Task<string> Show(string setting) => LocalServer.QueryAsync<string>(server.ConnectionString(), $"show {setting}");
    }

    [Fact]
    public async Task EnsureDatabase_quotes_the_name_and_may_be_called_concurrently()
    {
        using var directory = TempDirectory.ForPostgres();
        await using var server = await LocalServer.StartAsync(directory);
        const string name = "odd\"; drop database postgres; --";
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => server.EnsureDatabaseAsync(name, CancellationToken.None)));
        Assert.Equal(name, await LocalServer.QueryAsync<string>(server.ConnectionString(name), "select current_database()::text"));
        Assert.Equal(1L, await LocalServer.QueryAsync<long>(server.ConnectionString(), "select count(*) from pg_database where datname like 'odd%'"));
    }

    [Fact]
    public async Task StopAsync_ends_open_sessions_checkpoints_and_may_be_called_again()
    {
        using var directory = TempDirectory.ForPostgres();
        var log = new List<string>();
        var server = await LocalServer.StartAsync(directory, log: log.Add);
        await using var connection = new NpgsqlConnection(server.ConnectionString());
        await connection.OpenAsync();
        await using var open = await connection.BeginTransactionAsync();
        await Task.WhenAll(server.StopAsync(CancellationToken.None), server.StopAsync(CancellationToken.None));
        await server.Exited;
        await server.DisposeAsync();
        Assert.False(ProcessState.IsAlive(server.ProcessId));
        Assert.Contains(log, line => line.Contains("database system is shut down", StringComparison.Ordinal));
    }

    [Fact]
    public async Task StopAsync_kills_a_frozen_server_and_cancelling_skips_the_fast_shutdown()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs SIGSTOP");
        using var directory = TempDirectory.ForPostgres();
        var server = await LocalServer.StartAsync(directory);
        await LocalServer.ExecuteAsync(server.ConnectionString(), "create table kept(n int); insert into kept values (7)");
        await Tool.RunAsync(new LaunchCommand("/bin/sh", ["-c", $"kill -STOP {server.ProcessId}"]), TimeSpan.FromSeconds(10), CancellationToken.None);
        var clock = Stopwatch.StartNew();
        await server.StopAsync(new CancellationToken(canceled: true));

        // With the fast shutdown, this would take 10 s more. The immediate shutdown takes 5 s until the kill.
        Assert.InRange(clock.Elapsed, TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(14.9));
        Assert.True(server.Exited.IsCompletedSuccessfully);

        await using var again = await LocalServer.StartAsync(directory);
        Assert.Equal(7, await LocalServer.QueryAsync<int>(again.ConnectionString(), "select n from kept"));
    }

    [Fact]
    public async Task Exited_completes_after_a_kill_of_the_server_and_the_next_start_recovers()
    {
        using var directory = TempDirectory.ForPostgres();
        await using (var server = await LocalServer.StartAsync(directory))
        {
            await LocalServer.ExecuteAsync(server.ConnectionString(), "create table kept(n int); insert into kept values (7)");
            Assert.False(server.Exited.IsCompleted);
            using var process = Process.GetProcessById(server.ProcessId);
            process.Kill();
            await server.Exited.WaitAsync(Eventually.DefaultLimit);
        }

        // The pid file still exists, and child processes may still run. The start waits for them.
        await using var again = await LocalServer.StartAsync(directory);
        Assert.Equal(7, await LocalServer.QueryAsync<int>(again.ConnectionString(), "select n from kept"));
    }

    [Fact]
    public async Task A_log_receiver_that_throws_does_not_stop_the_server()
    {
        using var directory = TempDirectory.ForPostgres();
        var server = await LocalServer.StartAsync(
            directory, log: line => _ = line.Contains("listening", StringComparison.Ordinal) ? throw new InvalidOperationException("full disk") : 0);

        // Write more output than a pipe can hold. If the output were not read, the server would hang here.
        await LocalServer.ExecuteAsync(server.ConnectionString(), "do $$ begin for i in 1..200 loop raise log '%', repeat('x', 1000); end loop; end $$");
        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() => server.StopAsync(CancellationToken.None));
        Assert.Equal("full disk", failure.Message);
        Assert.False(ProcessState.IsAlive(server.ProcessId));
    }

    [Fact]
    public async Task A_cancelled_first_start_leaves_nothing_and_the_next_one_succeeds()
    {
        using var directory = TempDirectory.ForPostgres();
        using var cancel = new CancellationTokenSource();
        var start = LocalPostgresServer.StartAsync(LocalServer.Options(directory), cancel.Token);
        await Eventually.IsTrueAsync(
            () => Directory.EnumerateDirectories(directory.Path, "data.initdb-*").Any(made => File.Exists(Path.Combine(made, "PG_VERSION"))));
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => start);
        Assert.Equal(["data.lock"], Directory.EnumerateFileSystemEntries(directory.Path).Select(Path.GetFileName));
        await using var server = await LocalServer.StartAsync(directory);
    }
}
