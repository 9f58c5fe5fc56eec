using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests.Replication;

/// <summary>Rule R1: an acknowledgement means that the quorum has the commit. While no standby confirms commits, the API acknowledges nothing.</summary>
[Collection(ReplicatedServers.Name)]
public sealed class QuorumTests(ReplicatedServers fixture)
{
    private static readonly RevenueEvent First = new("user1", "add_revenue", 98);
    private static readonly RevenueEvent Second = new("user1", "subtract_revenue", 30);

    /// <summary>Longer than the timeouts of commands (2 s here) and of appends in doubt (3 s).</summary>
    private static readonly TimeSpan LongEnough = TimeSpan.FromSeconds(7);

    /// <summary>The ways in which a wait for replication can end early. Postgres then reports success.</summary>
    public enum Disturbance
    {
        TimeOut,
        Terminate,
        Cancel,
    }

    [Theory]
    [InlineData(Disturbance.TimeOut)]
    [InlineData(Disturbance.Terminate)]
    [InlineData(Disturbance.Cancel)]
    public async Task Append_without_a_standby_is_not_acknowledged(Disturbance disturbance)
    {
        var servers = await fixture.WholeAsync();
        await using var installation = await ReplicatedInstallation.StartAsync(await servers.CreateDatabaseAsync(), apis: 1);
        installation.Installation.StartProcessor();
        var api = installation.Apis[0];
        await installation.PostUntilAcknowledgedAsync(api, First, "first");

        await servers.PauseStandbysAsync();
        var over = Task.Delay(LongEnough);
        var post = PostAndRepeatAsync(installation, api, Second, "second", over);
        await WaitsForStandbyAsync(servers);
        switch (disturbance)
        {
            case Disturbance.Terminate:
                api.Process.Send(Signal.Terminate);
                break;
            case Disturbance.Cancel:
                await CancelUntilAsync(servers, over);
                break;
        }

        await over;
        await AssertNotAcknowledgedAsync(post);

        // Lose the primary, together with the event that only it has.
        await servers.KillPrimaryAsync();
        await servers.PromoteAsync();
        if (disturbance == Disturbance.Terminate)
        {
            await api.Process.KillAsync();
            api = await installation.StartApiAsync();
        }

        await installation.PostUntilAcknowledgedAsync(api, Second, "second");
        await AssertBothCountedAsync(installation);
    }

    [Fact]
    public async Task Repeat_at_another_api_without_a_standby_is_not_acknowledged()
    {
        var servers = await fixture.WholeAsync();
        await using var installation = await ReplicatedInstallation.StartAsync(await servers.CreateDatabaseAsync(), apis: 2);
        installation.Installation.StartProcessor();
        await installation.PostUntilAcknowledgedAsync(installation.Apis[0], First, "first");

        await servers.PauseStandbysAsync();
        var over = Task.Delay(LongEnough);
        var post = PostAndRepeatAsync(installation, installation.Apis[0], Second, "second", over);
        await WaitsForStandbyAsync(servers);

        // The cancelled wait has made the commit visible, so every session can now see the key.
        await CancelUntilAsync(servers, Task.Delay(TimeSpan.FromSeconds(1)));
        var repeat = PostAndRepeatAsync(installation, installation.Apis[1], Second, "second", over);
        await over;
        await AssertNotAcknowledgedAsync(repeat);
        await AssertNotAcknowledgedAsync(post);

        servers.Resume();
        var receipt = await installation.PostUntilAcknowledgedAsync(installation.Apis[1], Second, "second");
        Assert.Equal(receipt, await installation.PostUntilAcknowledgedAsync(installation.Apis[0], Second, "second"));
        await AssertBothCountedAsync(installation);
    }

    [Fact]
    public async Task Process_without_a_standby_does_not_exit_with_0()
    {
        var servers = await fixture.WholeAsync();
        await using var installation = await ReplicatedInstallation.StartAsync(await servers.CreateDatabaseAsync(), apis: 0);
        var file = EventFile.Write(installation.Installation.File("file.jsonl"), Seed.Random("file"), 2_000, users: 50, badEvery: 0);

        // The first file creates the schema, with the standbys' confirmation.
        var other = EventFile.Write(installation.Installation.File("other.jsonl"), Seed.Random("other"), 10, users: 5, badEvery: 0);
        await using (var process = await installation.Installation.RunAsync("RevenueAspire.Processor", "process", other.Path))
        {
            Assert.True(process.ExitCode == 0, process.Output);
        }

        await servers.PauseStandbysAsync();
        var counting = installation.Installation.Start("RevenueAspire.Processor", "process", file.Path);
        await WaitsForStandbyAsync(servers);
        await CancelUntilAsync(servers, Task.Delay(LongEnough));
        Assert.False(counting.HasExited && counting.ExitCode == 0, $"exit 0 although no standby has it\n{counting.Output}");

        // Once the exit code is 0, the file's events survive the loss of the primary.
        servers.Resume();
        if (await counting.WaitForExitAsync() != 0)
        {
            await using var again = await installation.Installation.RunAsync("RevenueAspire.Processor", "process", file.Path);
            Assert.True(again.ExitCode == 0, again.Output);
        }

        await servers.KillPrimaryAsync();
        await servers.PromoteAsync();
        var totals = new Totals();
        totals.Add(file.Totals);
        totals.Add(other.Totals);
        await installation.Installation.AssertLedgerAsync(totals);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Process_counts_events_again_that_a_failover_has_undone_before_its_exit(bool again)
    {
        var servers = await fixture.WholeAsync();
        var connectionString = await servers.CreateDatabaseAsync();
        await using var installation = await ReplicatedInstallation.StartAsync(connectionString, apis: 0);
        var file = EventFile.Write(installation.Installation.File("file.jsonl"), Seed.Random("file"), 2_000, users: 50, badEvery: 100);
        var totals = new Totals();
        if (again)
        {
            totals.Add(file.Totals);
            await using var first = await installation.Installation.RunAsync("RevenueAspire.Processor", "process", file.Path);
            Assert.True(first.ExitCode == 3, first.Output);
        }
        else
        {
            var other = EventFile.Write(installation.Installation.File("other.jsonl"), Seed.Random("other"), 10, users: 5, badEvery: 0);
            totals.Add(other.Totals);
            await using var first = await installation.Installation.RunAsync("RevenueAspire.Processor", "process", other.Path);
            Assert.True(first.ExitCode == 0, first.Output);
        }

        // The source is confirmed before the standbys stop, and its events are applied after that: only the primary has them.
        var database = new Npgsql.NpgsqlConnectionStringBuilder(connectionString).Database!;
        await using var primary = Npgsql.NpgsqlDataSource.Create(servers.ConnectionStringOf(servers.Primary, database));
        await using var holder = await primary.OpenConnectionAsync();
        await using var hold = await holder.BeginTransactionAsync();
        await using (var take = new Npgsql.NpgsqlCommand("lock table event_range in share mode", holder))
        {
            await take.ExecuteNonQueryAsync();
        }

        totals.Add(file.Totals);
        var counting = installation.Installation.Start("RevenueAspire.Processor", ["process", file.Path, .. again ? (string[])["--again"] : []]);
        await Eventually.EqualsAsync(1L, () => CountAsync(primary, "pg_locks where relation = 'event_range'::regclass and not granted"));
        await servers.PauseStandbysAsync();
        await hold.RollbackAsync();
        await Eventually.IsTrueAsync(async () =>
        {
            const string Waiting = "pg_stat_activity where wait_event = 'SyncRep' and query";
            await servers.ExecuteAsync($"select count(pg_cancel_backend(pid)) from {Waiting} not like '%pg_logical_emit_message%'");
            return await CountAsync(primary, "event_source where applied_through < length") == 0
                && await CountAsync(primary, $"{Waiting} like '%pg_logical_emit_message%'") == 1;
        });
        Assert.False(counting.HasExited, counting.Output);

        await servers.KillPrimaryAsync();
        await servers.PromoteAsync();
        Assert.True(await counting.WaitForExitAsync() == 3, counting.Output);
        await installation.Installation.AssertLedgerAsync(totals);
    }

    [Fact]
    public async Task Old_primary_that_returns_with_an_event_never_acknowledged_acknowledges_nothing()
    {
        var servers = await fixture.WholeAsync();
        var connectionString = await servers.CreateDatabaseAsync();
        await using var installation = await ReplicatedInstallation.StartAsync(connectionString, apis: 1);
        installation.Installation.StartProcessor();
        await installation.PostUntilAcknowledgedAsync(installation.Apis[0], First, "first");
        await servers.PauseStandbysAsync();
        var post = installation.PostAsync(installation.Apis[0], Second, "second");
        await WaitsForStandbyAsync(servers);
        var old = servers.Primary;
        await servers.KillPrimaryAsync();
        await servers.PromoteAsync();
        await post;

        // The old primary has the second event, but no standby follows it any more.
        await servers.RestartAsItIsAsync(old);
        var database = new Npgsql.NpgsqlConnectionStringBuilder(connectionString).Database!;
        var astray = await installation.StartApiAsync(servers.ConnectionStringOf(old, database) + ";Pooling=true;Command Timeout=1");
        var over = Task.Delay(LongEnough);
        var repeat = PostAndRepeatAsync(installation, astray, Second, "second", over);
        var other = PostAndRepeatAsync(installation, astray, Second, "third", over);
        await over;
        await AssertNotAcknowledgedAsync(repeat);
        await AssertNotAcknowledgedAsync(other);
        await astray.Process.KillAsync();

        // The old primary returns as a standby and drops its extra event, so the client's repeat counts once.
        await servers.HealAsync();
        await installation.PostUntilAcknowledgedAsync(installation.Apis[0], Second, "second");
        await AssertBothCountedAsync(installation);
    }

    /// <summary>A persistent client, which sends the same key until it gets a receipt, or until <paramref name="end"/>.</summary>
    private static async Task<string?> PostAndRepeatAsync(
        ReplicatedInstallation installation, ReplicatedInstallation.Api api, RevenueEvent e, string key, Task end)
    {
        string? receipt = null;
        while (receipt == null && !end.IsCompleted)
        {
            receipt = await installation.PostAsync(api, e, key);
            await Task.Delay(50);
        }

        return receipt;
    }

    private static Task WaitsForStandbyAsync(ReplicatedPostgres servers) =>
        Eventually.IsTrueAsync(async () => (await servers.WaitingBackendsAsync()).Length > 0);

    private static async Task<long> CountAsync(Npgsql.NpgsqlDataSource database, string rows)
    {
        await using var count = database.CreateCommand("select count(*) from " + rows);
        return (long)(await count.ExecuteScalarAsync())!;
    }

    /// <summary>Cancels each new wait for replication, as an administrator's script would.</summary>
    private static async Task CancelUntilAsync(ReplicatedPostgres servers, Task end)
    {
        while (!end.IsCompleted)
        {
            await servers.ExecuteAsync("select count(pg_cancel_backend(pid)) from pg_stat_activity where wait_event = 'SyncRep'");
            await Task.Delay(100);
        }
    }

    private static async Task AssertNotAcknowledgedAsync(Task<string?> post)
    {
        if (post.IsCompleted)
        {
            Assert.True(await post is null, "acknowledged although no standby has it");
        }
    }

    private static async Task AssertBothCountedAsync(ReplicatedInstallation installation)
    {
        var totals = new Totals();
        totals.Add(First);
        totals.Add(Second);
        await installation.Installation.AssertLedgerAsync(totals);
    }
}
