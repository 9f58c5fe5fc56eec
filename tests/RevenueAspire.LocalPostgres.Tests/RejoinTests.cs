using Npgsql;
using RevenueAspire.Testing;

namespace RevenueAspire.LocalPostgres.Tests;

/// <summary>The return of a former server, and the choice of the next primary.</summary>
public sealed class RejoinTests : IAsyncDisposable
{
    private readonly TempDirectory _directory = TempDirectory.ForPostgres();
    private readonly List<LocalPostgresServer> _started = [];

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _started)
        {
            await server.StopAsync(new CancellationToken(canceled: true));
        }

        _directory.Dispose();
    }

    [Fact]
    public async Task A_former_primary_becomes_a_copy_of_the_new_one_and_loses_commits_that_only_it_had()
    {
        var former = await StartPrimaryAsync("former");
        await LocalServer.ExecuteAsync(former.ConnectionString(), "create table kept(n int); insert into kept values (1)");
        var standby = await StartAsync("standby", former.Port);
        await Eventually.EqualsAsync(1L, () => SumAsync(standby));
        await standby.StopAsync(CancellationToken.None);
        await LocalServer.ExecuteAsync(former.ConnectionString(), "insert into kept values (2)");
        Signals.Send(former.ProcessId, Signal.Kill);
        await former.AllExited;
        await former.DisposeAsync();
        standby = await StartAsync("standby", former.Port);
        await standby.PromoteAsync(CancellationToken.None);
        await LocalServer.ExecuteAsync(standby.ConnectionString(), "insert into kept values (4)");

        var back = await StartAsync("former", standby.Port);

        Assert.True(LocalPostgresServer.IsStandby(_directory.File("former")));
        await Eventually.EqualsAsync(5L, () => SumAsync(back));
        Assert.DoesNotContain(Directory.EnumerateDirectories(_directory.Path), path => path.Contains("initdb", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_standby_is_copied_again_if_its_primary_no_longer_has_the_required_log()
    {
        var primary = await StartPrimaryAsync("primary");
        await LocalServer.ExecuteAsync(primary.ConnectionString(), "create table kept(n int); insert into kept values (1)");
        await (await StartAsync("standby", primary.Port)).DisposeAsync();
        for (var segment = 0; segment < 3; segment++)
        {
            await LocalServer.ExecuteAsync(primary.ConnectionString(), "insert into kept values (1); do $$ begin perform pg_switch_wal(); end $$");
        }

        await LocalServer.ExecuteAsync(primary.ConnectionString(), "checkpoint");

        var standby = await StartAsync("standby", primary.Port);

        await Eventually.EqualsAsync(4L, () => SumAsync(standby));
        await LocalServer.ExecuteAsync(primary.ConnectionString(), "insert into kept values (1)");
        await Eventually.EqualsAsync(5L, () => SumAsync(standby));
    }

    [Fact]
    public async Task The_data_of_another_cluster_is_refused_and_not_changed()
    {
        var primary = await StartPrimaryAsync("primary");
        await (await StartPrimaryAsync("other")).DisposeAsync();

        var refusal = await Assert.ThrowsAsync<LocalPostgresException>(() => StartAsync("other", primary.Port));

        Assert.Equal(
            $"{_directory.File("other")} is not a copy of the server on port {primary.Port}, but contains other data: move it elsewhere.", refusal.Message);
        Assert.False(LocalPostgresServer.IsStandby(_directory.File("other")));
    }

    [Fact]
    public async Task A_standby_adopts_its_primarys_new_password()
    {
        var primary = await StartPrimaryAsync("primary");
        await (await StartAsync("standby", primary.Port)).DisposeAsync();
        await primary.DisposeAsync();
        primary = await StartPrimaryAsync("primary", "new");

        var standby = await StartAsync("standby", primary.Port, "new");

        Assert.Equal(1, await LocalServer.QueryAsync<int>(standby.ConnectionString(), "select 1"));
    }

    [Fact]
    public async Task A_start_with_missing_synchronous_standbys_creates_databases()
    {
        var primary = await StartPrimaryAsync("primary", settings: new() { ["synchronous_standby_names"] = "ANY 1 (a)" });

        await primary.EnsureDatabaseAsync("created", CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal(0, await primary.ConfirmedAsync(CancellationToken.None));
    }

    [Fact]
    public async Task The_standby_that_has_received_the_most_is_known_after_all_have_replayed_their_logs()
    {
        var primary = await StartPrimaryAsync("primary");
        var a = await StartAsync("a", primary.Port);
        var b = await StartAsync("b", primary.Port);
        await primary.SetSynchronousStandbysAsync("ANY 2 (a, b)", CancellationToken.None);
        await LocalServer.ExecuteAsync(primary.ConnectionString(), "create table kept(n int)");
        await LocalServer.ExecuteAsync(b.ConnectionString(), "do $$ begin perform pg_wal_replay_pause(); end $$");
        await LocalServer.ExecuteAsync(primary.ConnectionString(), "insert into kept select generate_series(1, 1000)");
        await a.StopAsync(CancellationToken.None);
        await primary.SetSynchronousStandbysAsync("ANY 1 (a, b)", CancellationToken.None);
        await LocalServer.ExecuteAsync(primary.ConnectionString(), "insert into kept select generate_series(1, 1000)");
        Assert.True(await primary.ConfirmedAsync(CancellationToken.None) >= await primary.PositionAsync(CancellationToken.None));
        await primary.StopAsync(new CancellationToken(canceled: true));
        await primary.AllExited;

        // b has received more than it has replayed.
        await b.StopAsync(CancellationToken.None);
        a = await StartAsync("a", primary.Port);
        b = await StartAsync("b", primary.Port);

        Assert.True(await b.ReceivedAsync(CancellationToken.None) > await a.ReceivedAsync(CancellationToken.None));
        Assert.Equal(2000L, await LocalServer.QueryAsync<long>(b.ConnectionString(), "select count(*) from kept"));
    }

    private async Task<LocalPostgresServer> StartPrimaryAsync(string name, string password = "test", Dictionary<string, string>? settings = null)
    {
        var primary = await StartAsync(name, null, password, settings);
        await primary.EnsureReplicationRoleAsync(CancellationToken.None);
        return primary;
    }

    private async Task<LocalPostgresServer> StartAsync(string name, int? primaryPort, string password = "test", Dictionary<string, string>? settings = null)
    {
        var server = await LocalPostgresServer.StartAsync(
            new LocalPostgresOptions
            {
                DataDirectory = _directory.File(name),
                Password = password,
                StopWithParent = true,
                StandbyOf = primaryPort is { } port ? new LocalPostgresPrimary(port, name) : null,
                Settings = settings ?? [],
            },
            CancellationToken.None);
        _started.Add(server);
        return server;
    }

    private static Task<long> SumAsync(LocalPostgresServer server) => LocalServer.QueryAsync<long>(server.ConnectionString(), "select sum(n) from kept");
}
