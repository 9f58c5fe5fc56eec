using System.Globalization;
using System.Numerics;

namespace RevenueAspire.Ledger.Tests;

public sealed class RangeFreezeTests
{
    private static readonly TimeSpan Lease = LedgerDatabase.Lease;

    [Fact]
    public async Task M4_one_of_several_concurrent_freezes_wins_and_the_others_get_null()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var source = await database.OpenLogAsync();
        for (var round = 0; round < 20; round++)
        {
            var range = (
                await RangeClaims.TryClaimAsync(database.Source, source.Id, round * 100, (round * 100) + 100, Guid.NewGuid(), Lease, CancellationToken.None))!;
            var results = await Task.WhenAll(Enumerable.Range(1, 5).Select(i => RangeFreeze.TryFreezeAsync(database.Source,
                range, LedgerDatabase.Frozen(range, TestDeltas.Numbered(20, _ => 1), parts: i, end: (round * 100) + 10 + i), CancellationToken.None)));
            var winner = Assert.Single(results, result => result is not null)!;
            var stored = await RangeClaims.FindAsync(database.Source, range.Id, CancellationToken.None);
            Assert.Equal((winner.Frozen!.End, winner.Frozen.Parts.Count), (stored!.Frozen!.End, stored.Frozen.Parts.Count));
            Assert.Equal(winner.Frozen.End - (round * 100) - 10, winner.Frozen.Parts.Count);
        }

        // Each freeze left one free rest, which begins at the end of its range.
        Assert.Equal(20L,
            await database.ScalarAsync<long>(
            "select count(*) from event_range r join event_range rest on rest.from_offset = r.end_fixed where rest.lease_owner is null"));
        Assert.Equal(40L, await database.ScalarAsync<long>("select count(*) from event_range"));
    }

    [Fact]
    public async Task M4_a_frozen_range_reads_back_unchanged_and_cannot_be_frozen_again()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var source = await database.OpenLogAsync();
        var range = (await RangeClaims.TryClaimAsync(database.Source, source.Id, 0, 100, Guid.NewGuid(), Lease, CancellationToken.None))!;
        Assert.Null((await RangeClaims.FindAsync(database.Source, range.Id, CancellationToken.None))!.Frozen);
        var (bytesHash, typesHash) = (Enumerable.Repeat((byte)1, 32).ToArray(), Enumerable.Repeat((byte)2, 32).ToArray());
        var frozen = new FrozenRange(90, bytesHash, typesHash, 10, 8, 2, 55, 12345,
            [new(7, "\u00e9"u8.ToArray(), "x"u8.ToArray()), new(9, "\U0001f600"u8.ToArray(), default)], BigInteger.Parse(
            "-123456789012345678901234567890123456789012", CultureInfo.InvariantCulture));
        var won = await RangeFreeze.TryFreezeAsync(database.Source, range, frozen, CancellationToken.None);

        foreach (var read in (EventRange?[])[won, await RangeClaims.FindAsync(database.Source, range.Id, CancellationToken.None)])
        {
            Assert.Equal((range.Id, source.Id, 0, 90), (read!.Id, read.SourceId, read.From, read.To));
            var stored = read.Frozen!;
            Assert.Equal(
                (90, 10, 8, 2, 55, -1), (stored.End, stored.Lines, stored.Events, stored.Rejects, stored.LastRejectOffset, stored.RejectsMergedThrough));
            Assert.Equal(frozen.Revenue, stored.Revenue);
            Assert.Equal(bytesHash, stored.BytesHash.ToArray());
            Assert.Equal(typesHash, stored.TypesHash.ToArray());
            Assert.Equal([(0, "\u00e9", ""), (1, "\U0001f600", "")], stored.Parts.Select(part => (part.Index, Utf8(part.UpperKey), Utf8(part.MergedThrough))));
        }

        Assert.Null(await RangeFreeze.TryFreezeAsync(database.Source, range, frozen with { End = 100 }, CancellationToken.None));
        Assert.Null(await RangeFreeze.TryFreezeAsync(database.Source, range, frozen, CancellationToken.None));
        Assert.Equal(2L, await database.ScalarAsync<long>("select count(*) from event_range"));
        Assert.Equal(2L, await database.ScalarAsync<long>("select count(*) from event_part"));
        Assert.Null(await RangeClaims.FindAsync(database.Source, Guid.NewGuid(), CancellationToken.None));

        static string Utf8(ReadOnlyMemory<byte> text) => System.Text.Encoding.UTF8.GetString(text.Span);
    }

    [Fact]
    public async Task M4_without_an_early_end_there_is_no_rest()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        await database.FreezeAsync(TestDeltas.Numbered(3, _ => 1), parts: 1);
        Assert.Equal(1L, await database.ScalarAsync<long>("select count(*) from event_range"));
    }

    [Fact]
    public async Task M4_TryFreezeAsync_refuses_impossible_ends_parts_and_rejects()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var source = await database.OpenLogAsync();
        var range = (await RangeClaims.TryClaimAsync(database.Source, source.Id, 0, 100, Guid.NewGuid(), Lease, CancellationToken.None))!;
        var good = LedgerDatabase.Frozen(range, TestDeltas.Numbered(10, _ => 1), parts: 2);
        foreach (var bad in (FrozenRange[])
            [
                good with { End = 0 }, good with { End = 101 }, good with { Parts = [.. good.Parts.Reverse()] },
                good with { Parts = [good.Parts[0], good.Parts[0]] },
                good with { Parts = [new RangePart(0, default, default)] }, good with { Rejects = 1 }, good with { LastRejectOffset = 5 },
                good with { Rejects = 1, LastRejectOffset = 100 },
            ])
        {
            await Assert.ThrowsAsync<ArgumentException>(() => RangeFreeze.TryFreezeAsync(database.Source, range, bad, CancellationToken.None));
        }

        var frozen = await RangeFreeze.TryFreezeAsync(database.Source, range, good, CancellationToken.None);
        await Assert.ThrowsAsync<ArgumentException>(() => RangeFreeze.TryFreezeAsync(database.Source, frozen!, good, CancellationToken.None));
    }
}
