using Npgsql;
using RevenueAspire.LocalPostgres;
using RevenueAspire.Postgres;
using RevenueAspire.Testing;

namespace RevenueAspire.Ledger.Tests.Diagnostics;

/// <summary>Rules M7 and R1, on a server that lacks its only synchronous standby: each commit waits for it.</summary>
public sealed class ReplicationBarrierTests : IAsyncLifetime
{
    private readonly TempDirectory _directory = TempDirectory.ForPostgres();
    private LocalPostgresServer? _server;
    private NpgsqlDataSource? _database;

    public async ValueTask InitializeAsync()
    {
        _server = await LocalPostgresServer.StartAsync(
            new LocalPostgresOptions
            {
                DataDirectory = _directory.File("data"),
                Password = "barrier",
                StopWithParent = true,
                Settings = new Dictionary<string, string> { ["fsync"] = "off" },
            },
            CancellationToken.None);
        _database = NpgsqlDataSource.Create(_server.ConnectionString() + ";Command Timeout=1");
    }

    [Theory]
    [InlineData("on")]
    [InlineData("local")]
    public async Task R1_PassAsync_waits_for_the_standbys_and_a_cancelled_wait_confirms_nothing(string synchronousCommit)
    {
        await SetAsync("synchronous_commit", synchronousCommit);
        await LedgerSchema.ApplyAsync(_database!, CancellationToken.None);
        var log = await new SourceRegistry(_database!).OpenLogAsync(Guid.NewGuid(), "log", CancellationToken.None);
        await ExecuteAsync("update event_source set applied_through = 10, claimed_through = 10");
        Assert.True(await ReplicationBarrier.PassAsync(_database!, [], CancellationToken.None));
        Assert.True(await ReplicationBarrier.PassAsync(_database!, [(log.Id, 10)], CancellationToken.None));
        Assert.False(await ReplicationBarrier.PassAsync(_database!, [(log.Id, 11)], CancellationToken.None));
        Assert.False(await ReplicationBarrier.PassAsync(_database!, [(log.Id, 10), (Guid.NewGuid(), 1)], CancellationToken.None));
        await RequireAbsentStandbyAsync();

        var cancelled = ReplicationBarrier.PassAsync(_database!, [(log.Id, 10)], CancellationToken.None);
        // Postgres reports success to a statement whose wait was cancelled.
        await Eventually.IsTrueAsync(async () => await CancelWaitsAsync() > 0);
        await Assert.ThrowsAsync<UnconfirmedCommitException>(() => cancelled);

        var waiting = ReplicationBarrier.PassAsync(_database!, [(log.Id, 10)], CancellationToken.None);
        await Eventually.IsTrueAsync(async () => await ExecuteAsync("select count(*) from pg_stat_activity where wait_event = 'SyncRep'") > 0);
        // Wait longer than the command time-out.
        await Task.Delay(TimeSpan.FromSeconds(2));
        Assert.False(waiting.IsCompleted);
        await SetAsync("synchronous_standby_names", "");
        Assert.True(await waiting);
    }

    [Fact]
    public async Task R1_a_file_is_unknown_until_the_standbys_have_it_and_a_repeat_without_a_write_waits_too()
    {
        await using var database = NpgsqlDataSource.Create(_server!.ConnectionString());
        await LedgerSchema.ApplyAsync(database, CancellationToken.None);
        var sources = new SourceRegistry(database);
        var attempt = Guid.NewGuid();
        FileDigest[] digests = [new FileDigest(10, new byte[32])];
        await RequireAbsentStandbyAsync();

        for (var repeat = 0; repeat < 2; repeat++)
        {
            var resolving = sources.ResolveFileAsync(attempt, "events.jsonl", digests, CancellationToken.None);
            await Eventually.IsTrueAsync(async () => await CancelWaitsAsync() > 0);
            await Assert.ThrowsAsync<UnconfirmedCommitException>(() => resolving);
        }

        await SetAsync("synchronous_standby_names", "");
        var resolved = await sources.ResolveFileAsync(attempt, "events.jsonl", digests, CancellationToken.None);
        Assert.Equal((FileMatch.New, attempt), (resolved.Match, Assert.Single(resolved.Sources).Id));
    }

    public async ValueTask DisposeAsync()
    {
        if (_database is not null)
        {
            await _database.DisposeAsync();
        }

        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        _directory.Dispose();
    }

    /// <summary>Sets the standby, and waits until commits wait for it: the checkpointer applies the setting some time after the reload.</summary>
    private async Task RequireAbsentStandbyAsync()
    {
        await SetAsync("synchronous_standby_names", "absent");
        Task? probe = null;
        await Eventually.IsTrueAsync(async () =>
        {
            if (probe is null or { IsCompleted: true })
            {
                probe = ReplicationBarrier.PassAsync(_database!, [], CancellationToken.None);
            }

            return await CancelWaitsAsync() > 0;
        });
        await Assert.ThrowsAsync<UnconfirmedCommitException>(() => probe!);
    }

    private Task<long> CancelWaitsAsync() => ExecuteAsync("select count(pg_cancel_backend(pid)) from pg_stat_activity where wait_event = 'SyncRep'");

    private async Task SetAsync(string name, string value)
    {
        await ExecuteAsync($"alter system set {name} = '{value}'");
        await ExecuteAsync("select pg_reload_conf()::int::bigint");
        await Eventually.IsTrueAsync(async () => await ExecuteAsync($"select count(*) from pg_settings where name = '{name}' and setting = '{value}'") == 1);
    }

    private async Task<long> ExecuteAsync(string sql)
    {
        await using var command = _database!.CreateCommand(sql);
        return await command.ExecuteScalarAsync() is long value ? value : 0;
    }
}
