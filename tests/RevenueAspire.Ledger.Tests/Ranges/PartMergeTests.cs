using System.Numerics;

namespace RevenueAspire.Ledger.Tests;

public sealed class PartMergeTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 100)]
    [InlineData(3, 7)]
    [InlineData(8, 4096)]
    public async Task M5_MergePartAsync_adds_each_user_once_in_any_number_of_parts_and_batches(int parts, int batchRows)
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var deltas = TestDeltas.Numbered(100, i => i - 50);
        var range = await database.FreezeAsync(deltas, parts);
        Assert.Equal(parts, range.Frozen!.Parts.Count);

        foreach (var part in range.Frozen.Parts)
        {
            Assert.True(await database.Ranges.MergePartAsync(range.Id, part, deltas, batchRows, CancellationToken.None));
        }

        var expected = new SortedDictionary<string, BigInteger>(StringComparer.Ordinal);
        deltas.AddTo(expected);
        Assert.Equal(expected, await database.BalancesAsync());
        var read = await database.Ranges.FindAsync(range.Id, CancellationToken.None);
        Assert.All(read!.Frozen!.Parts, part => Assert.True(part.MergedThrough.Span.SequenceEqual(part.UpperKey.Span)));

        var folded = await database.FoldAsync(range.SourceId);
        Assert.Equal(new FoldResult(1000, 0), folded);
        Assert.Null(await database.Ranges.FindAsync(range.Id, CancellationToken.None));
    }
}
