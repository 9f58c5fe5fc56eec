using System.Text;

namespace RevenueAspire.Ledger.Tests;

public sealed class RejectMergeTests
{
    [Fact]
    public async Task M8_rejects_after_the_watermark_are_merged_once_in_batches()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var rejects = Enumerable.Range(0, (2 * RejectMerge.BatchLines) + 7).Select(
            i => new RejectedLine(i * 3, i, $"reason {i}", Encoding.UTF8.GetBytes($"line {i}"))).ToList();
        var range = await database.FreezeAsync(new TestDeltas(), parts: 1, rejects, length: 10_000);

        // Four processors merge the same rejects at once; a processor that loses a batch gives up.
        var results = await Task.WhenAll(
            Enumerable.Range(0, 4).Select(_ => RejectMerge.MergeAsync(database.Source, range.SourceId, range.Id, -1, rejects, CancellationToken.None)));
        Assert.Contains(true, results);
        var now = await RangeClaims.FindAsync(database.Source, range.Id, CancellationToken.None);
        Assert.Equal(rejects[^1].Offset, now!.Frozen!.RejectsMergedThrough);
        Assert.True(await RejectMerge.MergeAsync(database.Source, range.SourceId, range.Id, now.Frozen.RejectsMergedThrough, rejects, CancellationToken.None));
        Assert.Equal(
            (long)rejects.Count, await database.ScalarAsync<long>("select count(*) from rejected_event where range_id is not null and line * 3 = \"offset\""));
        Assert.Equal("reason 1500", await database.Queries.FindRejectReasonAsync(range.SourceId, 4500, CancellationToken.None));
        Assert.Null(await database.Queries.FindRejectReasonAsync(range.SourceId, 4501, CancellationToken.None));
    }

    [Fact]
    public async Task M8_a_takeover_continues_after_the_watermark()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var rejects = Enumerable.Range(0, 1500).Select(i => new RejectedLine(i, i, "bad", default)).ToList();
        var range = await database.FreezeAsync(new TestDeltas(), parts: 1, rejects, length: 1500);
        await database.ExecuteAsync(
            $"insert into rejected_event (source_id, \"offset\", line, range_id, reason, beginning) select '{range.SourceId}', i, i, '{range.Id}', 'bad', '' "
            + "from generate_series(0, 699) i");
        await database.ExecuteAsync("update event_range set rejects_merged_through = 699");
        Assert.False(await RejectMerge.MergeAsync(database.Source, range.SourceId, range.Id, -1, rejects, CancellationToken.None));
        Assert.True(await RejectMerge.MergeAsync(database.Source, range.SourceId, range.Id, 699, rejects, CancellationToken.None));
        Assert.Equal(1500L, await database.ScalarAsync<long>("select count(*) from rejected_event"));
    }

    [Fact]
    public async Task M8_bytes_that_are_not_valid_text_are_replaced()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        byte[] beginning = [(byte)'a', 0, 0xff, (byte)'b', 0xf0, 0x9f];
        RejectedLine[] rejects = [new(0, 0, "nul \0 and \ud800", beginning)];
        var range = await database.FreezeAsync(new TestDeltas(), parts: 1, rejects);
        Assert.True(await RejectMerge.MergeAsync(database.Source, range.SourceId, range.Id, -1, rejects, CancellationToken.None));
        Assert.Equal("a\ufffd\ufffdb\ufffd", await database.ScalarAsync<string>("select beginning from rejected_event"));
        Assert.Equal("nul \ufffd and \ufffd", await database.Queries.FindRejectReasonAsync(range.SourceId, 0, CancellationToken.None));
    }

    [Fact]
    public async Task M8_lines_that_differ_from_the_frozen_ones_are_refused()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        RejectedLine[] rejects = [new(10, 1, "bad", default), new(20, 2, "bad", default)];
        var range = await database.FreezeAsync(new TestDeltas(), parts: 1, rejects);
        await Assert.ThrowsAsync<InvalidOperationException>(
            () => RejectMerge.MergeAsync(database.Source, range.SourceId, range.Id, -1, rejects[..1], CancellationToken.None));
        await Assert.ThrowsAsync<InvalidOperationException>(
            () => RejectMerge.MergeAsync(database.Source, range.SourceId, range.Id, -1, [], CancellationToken.None));
        await Assert.ThrowsAsync<InvalidOperationException>(
            () => RejectMerge.MergeAsync(database.Source, range.SourceId, range.Id, -1, [.. rejects, new(30, 3, "bad", default)], CancellationToken.None));
        await Assert.ThrowsAsync<ArgumentException>(
            () => RejectMerge.MergeAsync(database.Source, range.SourceId, range.Id, -1, [rejects[1], rejects[0]], CancellationToken.None));
        Assert.Equal(0L, await database.ScalarAsync<long>("select count(*) from rejected_event"));
        Assert.True(await RejectMerge.MergeAsync(database.Source, range.SourceId, range.Id, -1, rejects, CancellationToken.None));
    }

    [Fact]
    public async Task M4_M8_rejects_of_a_range_that_is_not_frozen_are_not_merged()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var source = await database.OpenLogAsync();
        var range = await RangeClaims.TryClaimAsync(database.Source, source.Id, 0, 100, Guid.NewGuid(), LedgerDatabase.Lease, CancellationToken.None);
        Assert.False(await RejectMerge.MergeAsync(database.Source, source.Id, range!.Id, -1, [new(10, 1, "bad", default)], CancellationToken.None));
        Assert.Equal(0L, await database.ScalarAsync<long>("select count(*) from rejected_event"));
    }
}
