using Npgsql;
using RevenueAspire.Testing;

namespace RevenueAspire.LocalPostgres.Tests;

/// <summary>A primary and its standbys on this machine.</summary>
public sealed class StandbyTests
{
    private const string Password = "it's \\ \"quoted\"; ü";

    [Fact]
    public async Task A_standby_follows_and_is_promoted_and_another_one_follows_it()
    {
        using var directory = TempDirectory.ForPostgres();
        await using var primary = await StartPrimaryAsync(directory);
        await LocalServer.ExecuteAsync(primary.ConnectionString(), "create table kept(n int); insert into kept values (1)");
        await using var a = await StartStandbyAsync(directory, "a", primary.Port);
        await using var b = await StartStandbyAsync(directory, "b", primary.Port);
        await primary.SetSynchronousStandbysAsync("ANY 1 (a, b)", CancellationToken.None);
        await Eventually.EqualsAsync("a:quorum, b:quorum", () => StandbysAsync(primary));
        await LocalServer.ExecuteAsync(primary.ConnectionString(), "insert into kept values (2)");
        await Eventually.EqualsAsync(3L, () => SumAsync(a));
        var refused = await Assert.ThrowsAsync<PostgresException>(() => LocalServer.ExecuteAsync(a.ConnectionString(), "insert into kept values (4)"));
        Assert.Equal(PostgresErrorCodes.ReadOnlySqlTransaction, refused.SqlState);

        await primary.StopAsync(new CancellationToken(canceled: true));
        await a.SetSynchronousStandbysAsync("ANY 1 (b)", CancellationToken.None);
        await a.PromoteAsync(CancellationToken.None);
        await b.FollowAsync(new LocalPostgresPrimary(a.Port, "b"), CancellationToken.None);

        // The commit waits until b follows.
        await LocalServer.ExecuteAsync(a.ConnectionString(), "insert into kept values (4)");
        await Eventually.EqualsAsync(7L, () => SumAsync(b));
        Assert.Equal("b:quorum", await StandbysAsync(a));
    }

    [Fact]
    public async Task Primary_and_standby_restart_with_their_data_after_a_kill()
    {
        using var directory = TempDirectory.ForPostgres();
        await using (var primary = await StartPrimaryAsync(directory))
        await using (var standby = await StartStandbyAsync(directory, "a", primary.Port))
        {
            await LocalServer.ExecuteAsync(primary.ConnectionString(), "create table kept(n int); insert into kept values (1)");
            await primary.SetSynchronousStandbysAsync("ANY 1 (a)", CancellationToken.None);
            await LocalServer.ExecuteAsync(primary.ConnectionString(), "insert into kept values (2)");
            foreach (var server in new[] { primary, standby })
            {
                Signals.Send(server.ProcessId, Signal.Kill);
                await server.Exited;
            }
        }

        // The primary's start, which also sets its password, does not wait for a standby. The standby then follows it on another port.
        await using var again = await StartPrimaryAsync(directory);
        await using var follower = await StartStandbyAsync(directory, "a", again.Port);
        await LocalServer.ExecuteAsync(again.ConnectionString(), "insert into kept values (4)");
        await Eventually.EqualsAsync(7L, () => SumAsync(follower));
    }

    [Fact]
    public async Task The_directory_of_a_standby_is_not_started_as_a_primary()
    {
        using var directory = TempDirectory.ForPostgres();
        await using var primary = await StartPrimaryAsync(directory);
        await using (await StartStandbyAsync(directory, "a", primary.Port))
        {
        }

        var options = Options(directory, "a", null);
        var refusal = await Assert.ThrowsAsync<LocalPostgresException>(() => LocalPostgresServer.StartAsync(options, CancellationToken.None));
        Assert.Equal($"{directory.File("a")} is the data directory of a standby: start it as a standby, or promote it while it runs.", refusal.Message);
    }

    [Fact]
    public async Task A_standby_without_a_primary_fails_with_one_line_and_leaves_nothing()
    {
        using var directory = TempDirectory.ForPostgres();
        var port = FreePort.Next();
        var refusal = await Assert.ThrowsAsync<LocalPostgresException>(() => StartStandbyAsync(directory, "a", port));
        Assert.StartsWith($"pg_basebackup could not create the data directory {directory.File("a")}: ", refusal.Message, StringComparison.Ordinal);
        Assert.Contains($"port {port} failed: Connection refused", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal.Message);
        Assert.Equal(["a.lock"], Directory.EnumerateFileSystemEntries(directory.Path).Select(Path.GetFileName));
    }

    private static async Task<LocalPostgresServer> StartPrimaryAsync(TempDirectory directory)
    {
        var primary = await LocalPostgresServer.StartAsync(Options(directory, "primary", null), CancellationToken.None);
        await primary.EnsureReplicationRoleAsync(CancellationToken.None);
        return primary;
    }

    private static Task<LocalPostgresServer> StartStandbyAsync(TempDirectory directory, string name, int primaryPort) =>
        LocalPostgresServer.StartAsync(Options(directory, name, new LocalPostgresPrimary(primaryPort, name)), CancellationToken.None);

    private static LocalPostgresOptions Options(TempDirectory directory, string name, LocalPostgresPrimary? primary) => new()
    {
        DataDirectory = directory.File(name),
        Password = Password,
        StopWithParent = true,
        StandbyOf = primary,
        Settings = new Dictionary<string, string> { ["fsync"] = "off" },
    };

    private static Task<string> StandbysAsync(LocalPostgresServer server) =>
        LocalServer.QueryAsync<string>(
            server.ConnectionString(),
            "select coalesce(string_agg(application_name || ':' || sync_state, ', ' order by application_name), '') from pg_stat_replication");

    private static Task<long> SumAsync(LocalPostgresServer server) => LocalServer.QueryAsync<long>(server.ConnectionString(), "select sum(n) from kept");
}
