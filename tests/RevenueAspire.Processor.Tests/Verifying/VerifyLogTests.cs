using System.Text;
using RevenueAspire.Events;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Aggregation;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Processor.Processing;
using RevenueAspire.Processor.Reading;
using RevenueAspire.Processor.Tests.Support;
using RevenueAspire.Processor.Verifying;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.Verifying;

/// <summary>verify on logs: during and after retention, with other event types, with changed bytes.</summary>
public sealed class VerifyLogTests
{
    private static readonly EventTypes Reversed = EventTypes.Create([new("add_revenue", -1), new("subtract_revenue", 1)]);
    private static readonly EventTypes More = EventTypes.Create([new("add_revenue", 1), new("subtract_revenue", -1), new("gift", 1)]);

    [Fact]
    public async Task M13_retention_removes_nothing_while_verify_reads()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using var log = await AppliedLogAsync(ledger);
        await ledger.ExecuteAsync("update users_revenue set revenue = revenue + 1");

        // Retention runs during the first pass over the table; several more passes over the log follow.
        var (asked, removed) = (0, 0L);
        using var verifier = new LedgerVerifier(ledger.Database, EventTypes.Default, new ProcessorOptions { MaxUsersInMemory = 50, BlockBytes = 1000 });
        var result = await verifier.RunAsync(
            _ =>
            {
                asked++;
                removed += log.RemoveApplied(log.Mark);
            },
            CancellationToken.None);
        Assert.Equal((0, true, (long)asked), (removed, result.IsComplete, result.Differences));
        Assert.True(asked > 50);
        Assert.True(log.RemoveApplied(log.Mark) > 0, "the pins outlive their verify");
    }

    [Fact]
    public async Task M13_the_snapshot_is_taken_after_the_pins()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using var log = await AppliedLogAsync(ledger);
        using var pins = new LogPins();
        var removed = new List<long>();
        await using var snapshot = await pins.OpenSnapshotAsync(
            () =>
            {
                removed.Add(log.RemoveApplied(log.Mark));
                return LedgerSnapshot.OpenAsync(ledger.Database, CancellationToken.None);
            },
            CancellationToken.None);
        Assert.Equal(2, removed.Count);
        Assert.True(removed[0] > 0 && removed[1] == 0, "the second snapshot, the one that counts, is pinned");
    }

    [Fact]
    public async Task A_log_without_its_beginning_cannot_be_checked_except_for_rows_of_retained_events()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using var log = await AppliedLogAsync(ledger);
        Assert.True(log.RemoveApplied(log.Mark) > 0);
        foreach (var options in new[] { new ProcessorOptions(), new ProcessorOptions { MaxUsersInMemory = 50, BlockBytes = 1000 } })
        {
            var (result, differences) = await ledger.VerifyAsync(options);
            Assert.False(result.IsComplete);
            Assert.Empty(differences);
            Assert.Contains("no balance can be recomputed", Assert.Single(result.Unread), StringComparison.Ordinal);
        }

        // Regardless of the removed part, a user of a retained event must have a row.
        await ledger.ExecuteAsync(
            "delete from users_revenue where user_id = 'last'; update users_revenue set revenue = 0; insert into users_revenue values ('extra', 1)");
        var (lost, found) = await ledger.VerifyAsync();
        Assert.Equal(("last", 1), (Encoding.UTF8.GetString(Assert.Single(found).UserId), lost.Differences));
    }

    [Theory]
    [InlineData(1 << 20)]
    [InlineData(1000)]
    public async Task A_changed_sign_is_named_as_a_possible_cause_of_differences_and_an_added_name_is_not(int rangeBytes)
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using var log = new TestLog(ledger.Folder.File("log"));
        await log.AppendAsync(EventFile.Random(new Random(1), 100, 10).Add("a", 1).Bytes);
        await ProcessAsync(ledger, log, new ProcessorOptions { RangeBytes = rangeBytes });
        Assert.Equal(32, await ledger.ScalarAsync<int>("select length(types_hash) from event_source"));

        // An added name does not affect events that were counted before.
        Assert.Equal((0, true), Short((await ledger.VerifyAsync(types: More)).Result));
        var (result, differences) = await ledger.VerifyAsync(types: Reversed, totalsDiffer: true);
        Assert.NotEmpty(differences);
        Assert.Contains("different EventTypes", Assert.Single(result.Hints), StringComparison.Ordinal);

        // The log was counted with both mappings: neither fits all of it, and verify reports that.
        await log.AppendAsync(new EventFile().Add("a", 1).Bytes);
        await ProcessAsync(ledger, log, new ProcessorOptions(), Reversed);
        (result, differences) = await ledger.VerifyAsync(totalsDiffer: true);
        Assert.Single(differences);
        Assert.Single(result.Hints);
    }

    [Fact]
    public async Task M4_M13_bytes_that_changed_while_a_range_of_a_log_was_being_merged_cannot_be_checked()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var file = EventFile.Random(new Random(2), 200, 60);
        var options = new ProcessorOptions { Connections = 3, MergeBatchRows = 10 };
        await using (var log = new TestLog(ledger.Folder.File("log")))
        {
            await log.AppendAsync(file.Bytes);
            await MergePartAsync(ledger, log, options);
        }

        Assert.Equal((0, true), Short((await ledger.VerifyAsync()).Result));
        var segment = Directory.GetFiles(ledger.Folder.File("log"), "*.jsonl").Single();
        var bytes = await File.ReadAllBytesAsync(segment);
        bytes[bytes.AsSpan().IndexOf("\"value\":"u8) + 8] ^= 1;
        await File.WriteAllBytesAsync(segment, bytes);
        var (refused, _) = await ledger.VerifyAsync();
        Assert.Contains("changed after their merge started", Assert.Single(refused.Unread), StringComparison.Ordinal);
        Assert.Equal(1, refused.ExitCode);
    }

    private static (long, bool) Short(VerifyResult result) => (result.Differences, result.IsComplete);

    /// <summary>A counted log of several small segments.</summary>
    private static async Task<TestLog> AppliedLogAsync(LedgerFixture ledger)
    {
        var log = new TestLog(ledger.Folder.File("log"), segmentBytes: 1 << 16);
        await log.AppendManyAsync();
        await log.AppendAsync(new EventFile().Add("last", 5).Bytes);
        await ProcessAsync(ledger, log, new ProcessorOptions());
        return log;
    }

    private static async Task ProcessAsync(LedgerFixture ledger, TestLog log, ProcessorOptions options, EventTypes? types = null)
    {
        using var reader = LogSourceReader.Open(log.Directory);
        await new LogProcess(ledger.Services(options, types)).RunAsync(reader, "log", new RunProgress("log"), CancellationToken.None);
    }

    /// <summary>Claims and freezes a whole log, merges its first part, and stops.</summary>
    private static async Task MergePartAsync(LedgerFixture ledger, TestLog log, ProcessorOptions options)
    {
        var services = ledger.Services(options);
        using var reader = LogSourceReader.Open(log.Directory);
        await ledger.Sources.OpenLogAsync(log.LogId, log.Directory, CancellationToken.None);
        var owner = Guid.NewGuid();
        var range = (await RangeClaims.TryClaimAsync(ledger.Database, log.LogId, 0, log.Mark, owner, options.Lease, CancellationToken.None))!;
        await using var lease = RangeLease.Start(ledger.Database, range.Id, owner, options.Lease, CancellationToken.None);
        var work = (await services.Freezer.AggregateAsync(
            range, reader, ParsingFingerprint.Compute(services.Types, reader), new RangeAggregator(services.Types, options, 1, ledger.KeepsHistory), lease))!;
        Assert.True(
            await PartMerge.MergeAsync(
                ledger.Database, range.Id, work.Range.Frozen!.Parts[0], work.Users, options.MergeBatchRows, services.History, CancellationToken.None));
    }
}
