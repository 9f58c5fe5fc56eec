using Npgsql;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Aggregation;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Processor.Reading;
using RevenueAspire.Processor.Tests.Support;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.Processing;

public sealed class ConcurrencyTests
{
    [Fact]
    public async Task M3_several_processors_with_different_settings_share_one_file_exactly()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var random = Seed.Random(nameof(M3_several_processors_with_different_settings_share_one_file_exactly));
        var file = EventFile.Random(random, 2000, 300, badEvery: 33);
        var path = ledger.Write("shared.jsonl", file.Bytes);
        var settings = Enumerable.Range(0, 4).Select(_ => LedgerFixture.Tiny(random)).ToArray();
        await Task.WhenAll(settings.Select(options => Task.Run(() => ledger.ProcessAsync(path, options))));
        await ledger.AssertBalancesAsync(file);
        Assert.Equal(file.Rejected.Select(line => line.Line), await ledger.RejectedLinesAsync());
        Assert.Equal((0, 0), (await ledger.CountAsync("event_range"), await ledger.CountAsync("event_part")));
        Assert.Equal(file.Events, await ledger.ScalarAsync<long>("select events_through from event_source"));
        Assert.Equal(0, await DeadlocksAsync(ledger));
        Assert.Equal(0, (await ledger.VerifyAsync()).Result.Differences);
    }

    [Fact]
    public async Task While_one_lane_merges_the_other_does_not_use_the_database()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var file = EventFile.Random(Seed.Random(nameof(While_one_lane_merges_the_other_does_not_use_the_database)), 2000, 300);
        var path = ledger.Write("a.jsonl", file.Bytes);
        var user = file.Totals.Users.Keys.First();
        await using var held = await HeldUsers.TakeAsync(ledger, user);
        var before = await ledger.TransactionsAsync();
        var processing = ledger.ProcessAsync(path);
        await Task.Delay(TimeSpan.FromSeconds(3));
        await held.ReleaseAsync();
        await processing;
        await ledger.AssertBalancesAsync(file);
        Assert.InRange(await ledger.TransactionsAsync() - before, 1, 200);
    }

    [Fact]
    public async Task M5_different_files_with_the_same_users_merge_without_deadlocks()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var random = Seed.Random(nameof(M5_different_files_with_the_same_users_merge_without_deadlocks));
        var files = Enumerable.Range(0, 5).Select(_ => EventFile.Random(random, 1000, 150)).ToArray();
        var paths = files.Select((file, index) => ledger.Write($"{index}.jsonl", file.Bytes)).ToArray();
        var settings = files.Select(_ => LedgerFixture.Tiny(random)).ToArray();
        await Task.WhenAll(paths.Select((path, index) => Task.Run(() => ledger.ProcessAsync(path, settings[index]))));
        await ledger.AssertBalancesAsync(files);
        Assert.Equal(0, await DeadlocksAsync(ledger));
    }

    [Fact]
    public async Task M4_a_processor_with_other_settings_completes_the_work_of_stopped_ones()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var random = Seed.Random(nameof(M4_a_processor_with_other_settings_completes_the_work_of_stopped_ones));
        var file = EventFile.Random(random, 2000, 200, badEvery: 50);
        var path = ledger.Write("stopped.jsonl", file.Bytes);
        for (var round = 0; round < 12; round++)
        {
            using var stop = new CancellationTokenSource(random.Next(1, 150));
            try
            {
                await ledger.ProcessAsync(path, LedgerFixture.Tiny(random), cancellationToken: stop.Token);
            }
            catch (OperationCanceledException)
            {
                // The cancellation is intended.
            }
        }

        await ledger.ProcessAsync(path, LedgerFixture.Tiny(random));
        await ledger.AssertBalancesAsync(file);
        Assert.Equal(file.Rejected.Select(line => line.Line), await ledger.RejectedLinesAsync());
        Assert.Equal("already counted", (await ledger.ProcessAsync(path)).Result);
    }

    [Fact]
    public async Task M12_connections_cut_at_random_moments_change_no_result()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var random = Seed.Random(nameof(M12_connections_cut_at_random_moments_change_no_result));
        var file = EventFile.Random(random, 1500, 200);
        var path = ledger.Write("cut.jsonl", file.Bytes);
        var processing = Task.Run(() => ledger.ProcessAsync(path, LedgerFixture.Tiny(random)));
        await using var killer =
            NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(ledger.ConnectionString) { ApplicationName = "killer" }.ConnectionString);
        for (var cuts = 0; cuts < 15 && !processing.IsCompleted; cuts++)
        {
            await using var kill = killer.CreateCommand(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name <> 'killer'");
            await kill.ExecuteNonQueryAsync();
            await Task.Delay(random.Next(50, 150));
        }

        await processing;

        // The cuts also hit the test's idle connections.
        ledger.Database.Clear();
        await ledger.AssertBalancesAsync(file);
    }

    [Fact]
    public async Task M4_a_taken_over_range_adopts_the_frozen_end_and_slices()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var file = EventFile.Random(Seed.Random(nameof(M4_a_taken_over_range_adopts_the_frozen_end_and_slices)), 800, 120, badEvery: 50);
        var path = ledger.Write("frozen.jsonl", file.Bytes);
        var options =
            new ProcessorOptions { BlockBytes = 1000, MaxRejectsPerRange = 5, Connections = 3, MergeBatchRows = 10, Workers = 1 };
        var frozen = await FreezeAsync(ledger, path, options, mergeParts: 1);
        Assert.True(frozen.Frozen!.End < file.Bytes.Length && frozen.Frozen.Parts.Count == 3);

        var (result, differences) = await ledger.VerifyAsync();
        Assert.True(result.Differences == 0 && differences.Count == 0);

        await ledger.ProcessAsync(path, new ProcessorOptions { Connections = 1, MaxUsersInMemory = 10, MergeBatchRows = 3 });
        await ledger.AssertBalancesAsync(file);
        Assert.Equal(file.Rejected.Select(line => line.Line), await ledger.RejectedLinesAsync());
    }

    [Fact]
    public async Task M4_changed_bytes_of_a_frozen_range_stop_the_file()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var path = ledger.Write("changed.jsonl", new EventFile().Add("a", 1).Add("b", 2).Bytes);
        var options = new ProcessorOptions();
        await FreezeAsync(ledger, path, options, mergeParts: 0);

        using var changed = FileSourceReader.Open(ledger.Write("other.jsonl", new EventFile().Add("a", 1).Add("b", 3).Bytes), options.MaxLineBytes);
        var source = await ledger.ScalarAsync<Guid>("select source_id from event_source");
        using var run = new SourceApplier(ledger.Services(options), changed, source, changed.ReadEnd(), new RunCounters());
        var error = await Assert.ThrowsAsync<SourceStoppedException>(() => run.RunAsync(CancellationToken.None));
        Assert.Contains("changed after their merge started", error.Message, StringComparison.Ordinal);
        Assert.Empty(await ledger.BalancesAsync());
    }

    [Fact]
    public async Task M4_a_frozen_range_is_not_continued_with_other_event_types()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var file = new EventFile().Add("a", 1).Add("b", 2);
        var path = ledger.Write("types.jsonl", file.Bytes);
        await FreezeAsync(ledger, path, new ProcessorOptions(), mergeParts: 0);
        var error = await Assert.ThrowsAsync<SourceStoppedException>(
            () => ledger.ProcessAsync(path, types: Events.EventTypes.Create([new("add_revenue", -1)])));
        Assert.Contains("EventTypes", error.Message, StringComparison.Ordinal);
        Assert.Empty(await ledger.BalancesAsync());
        Assert.Equal("completed", (await ledger.ProcessAsync(path)).Result);
        await ledger.AssertBalancesAsync(file);
    }

    [Fact]
    public async Task M3_an_expired_lease_is_taken_over_and_the_paused_holder_changes_nothing()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var file = EventFile.Random(new Random(9), 200, 50);
        var path = ledger.Write("paused.jsonl", file.Bytes);
        var options = new ProcessorOptions { LeaseSeconds = 1, MergeBatchRows = 5 };
        var services = ledger.Services(options);
        using var reader = FileSourceReader.Open(path, options.MaxLineBytes);
        var source = await ResolveAsync(ledger, reader);
        var range = (await RangeClaims.TryClaimAsync(
            ledger.Database, source.Id, 0, reader.ReadEnd(), Guid.NewGuid(), TimeSpan.FromMilliseconds(300), CancellationToken.None))!;

        await ledger.ProcessAsync(path, options);
        await ledger.AssertBalancesAsync(file);

        // The holder resumes, and finds at each step that it has lost its range.
        var lease = RangeLease.Start(ledger.Database, range.Id, Guid.NewGuid(), options.Lease, CancellationToken.None);
        var work = await services.Freezer.AggregateAsync(
            range, reader, ParsingFingerprint.Compute(services.Types, reader), new RangeAggregator(services.Types, options, 1, ledger.KeepsHistory), lease);
        Assert.Null(work);
        await lease.DisposeAsync();
        await ledger.AssertBalancesAsync(file);
    }

    [Fact]
    public async Task An_early_state_of_a_file_with_unfinished_growth_is_refused_with_the_reason()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var file = new EventFile().Add("a", 1);
        var early = ledger.Write("early.jsonl", file.Bytes);
        using (var reader = FileSourceReader.Open(early, 1 << 16))
        {
            await ResolveAsync(ledger, reader);
        }

        var late = ledger.Write("late.jsonl", file.Add("b", 2).Bytes);
        using (var reader = FileSourceReader.Open(late, 1 << 16))
        {
            var source = await ResolveAsync(ledger, reader);
            var owner = Guid.NewGuid();
            var range = await RangeClaims.TryClaimAsync(
                ledger.Database, source.Id, 0, reader.ReadEnd(), owner, TimeSpan.FromMinutes(1), CancellationToken.None);
            await RangeClaims.ReleaseAsync(ledger.Database, range!.Id, owner, CancellationToken.None);
        }

        var error = await Assert.ThrowsAsync<SourceStoppedException>(() => ledger.ProcessAsync(early));
        Assert.Contains("Process the longer file", error.Message, StringComparison.Ordinal);
        await ledger.ProcessAsync(late);
        await ledger.AssertBalancesAsync(file);
    }

    /// <summary>Claims a file's first range, freezes it, merges some of its parts, and stops.</summary>
    private static async Task<EventRange> FreezeAsync(LedgerFixture ledger, string path, ProcessorOptions options, int mergeParts)
    {
        var services = ledger.Services(options);
        using var reader = FileSourceReader.Open(path, options.MaxLineBytes);
        var source = await ResolveAsync(ledger, reader);
        var owner = Guid.NewGuid();
        var range = (await RangeClaims.TryClaimAsync(ledger.Database, source.Id, 0, reader.ReadEnd(), owner, options.Lease, CancellationToken.None))!;
        await using var lease = RangeLease.Start(ledger.Database, range.Id, owner, options.Lease, CancellationToken.None);
        var work = (await services.Freezer.AggregateAsync(
            range, reader, ParsingFingerprint.Compute(services.Types, reader), new RangeAggregator(services.Types, options, 1, ledger.KeepsHistory), lease))!;
        foreach (var part in work.Range.Frozen!.Parts.Take(mergeParts))
        {
            Assert.True(await PartMerge.MergeAsync(
                ledger.Database, range.Id, part, work.Users, options.MergeBatchRows, services.History, CancellationToken.None));
        }

        return work.Range;
    }

    private static async Task<LedgerSource> ResolveAsync(LedgerFixture ledger, FileSourceReader reader)
    {
        var lengths = await ledger.Sources.KnownLengthsAsync(reader.ReadEnd(), CancellationToken.None);
        var digests = FileDigests.Compute(reader, lengths.Append(reader.ReadEnd()), CancellationToken.None);
        return (await ledger.Sources.ResolveFileAsync(Guid.NewGuid(), reader.Name, digests, CancellationToken.None)).Sources[0];
    }

    private static Task<long> DeadlocksAsync(LedgerFixture ledger) =>
        ledger.ScalarAsync<long>("select deadlocks from pg_stat_database where datname = current_database()");
}
