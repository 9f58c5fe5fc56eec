using System.Numerics;
using Npgsql;
using RevenueAspire.Events;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Aggregation;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Verifying;

/// <summary>Folds everything that the ledger says it has applied once more, and compares (rule M13). Processors may run meanwhile: one snapshot decides what is folded.</summary>
/// <remarks>
/// Bounded memory: when the users do not fit, they are cut into partitions by their hash, and logs, files and table are passed over once a partition.
/// Where retention has removed the beginning of a log, any user may have a share in it: no sum can be compared then. What is left is read nevertheless, since damage shows, and each of its
/// users must at least have a row.
/// </remarks>
internal sealed class LedgerVerifier(NpgsqlDataSource database, EventTypes types, ProcessorOptions options)
{
    private const int MaxPartitionBits = 16;
    private readonly RangeAggregator _fold = new(types, options, options.WorkerCount) { KeepsRejects = false };
    private readonly RangeAggregator _range = new(types, options, options.WorkerCount) { KeepsRejects = false };
    private readonly SortedSet<string> _unreadable = new(StringComparer.Ordinal);
    private readonly List<TotalDifference> _totals = [];

    /// <summary>Compares all balances. Not to be called twice at once.</summary>
    /// <param name="report">Told each user that differs, in no particular order.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <exception cref="UserErrorException">It cannot be checked: a source is gone or changed.</exception>
    public async Task<VerifyResult> RunAsync(Action<LedgerDifference> report, CancellationToken cancellationToken)
    {
        using var pins = new LogPins();
        var snapshot = await pins.OpenSnapshotAsync(() => LedgerSnapshot.OpenAsync(database, cancellationToken), cancellationToken).ConfigureAwait(false);
        await using (snapshot.ConfigureAwait(false))
        {
            var name = await snapshot.ExportAsync(cancellationToken).ConfigureAwait(false);
            var sources = VerifiedSource.List(snapshot, logId => DatabaseLog.OpenSnapshot(database, name, logId));
            return await RunAsync(snapshot, sources, report, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<VerifyResult> RunAsync(LedgerSnapshot snapshot, List<VerifiedSource> sources, Action<LedgerDifference> report, CancellationToken cancellationToken)
    {
        var (users, differences) = (0L, 0L);
        var (removed, hints) = (new List<string>(), new List<string>());
        _unreadable.Clear();
        _totals.Clear();
        await Task.Run(() => sources.ForEach(source => Check(source, removed, hints, cancellationToken)), cancellationToken).ConfigureAwait(false);
        var bits = 0;
        for (uint partition = 0; partition < 1u << bits;)
        {
            if (!await Task.Run(() => TryFold(snapshot, sources, bits, partition, cancellationToken), cancellationToken).ConfigureAwait(false))
            {
                // The partitions before this one are those before its lower half now.
                bits++;
                partition *= 2;
                continue;
            }

            var compared = await CompareAsync(snapshot, _fold.Combine(), new FoldScope(1, bits, partition), sumsAreWhole: removed.Count == 0, report, cancellationToken).ConfigureAwait(false);
            users += compared.Users;
            differences += compared.Differences;
            partition++;
        }

        return new VerifyResult(users, sources.Sum(source => source.Times), differences, _totals, [.. _unreadable], removed, differences > 0 || _totals.Count > 0 ? hints : []);
    }

    private void Check(VerifiedSource source, List<string> removed, List<string> hints, CancellationToken cancellationToken)
    {
        var content = source.CheckContent(options.MaxLineBytes, types, cancellationToken);
        if (content.FirstOffset > 0)
        {
            removed.Add($"{source.Source.Name}: retention has removed its beginning, up to offset {content.FirstOffset}: no balance can be computed again from what is left");
        }

        if (content.HasOtherTypes)
        {
            hints.Add($"{source.Source.Name}: was counted, at least in part, with other EventTypes than verify has: give it those of the processor, or the sign of a name was changed while events of it were counted");
        }
    }

    /// <summary>False when the users of the partition do not fit into memory.</summary>
    private bool TryFold(LedgerSnapshot snapshot, List<VerifiedSource> sources, int bits, uint partition, CancellationToken cancellationToken)
    {
        _fold.Clear();

        // Each pass reads all bytes, so each finds the same.
        _totals.Clear();
        foreach (var source in sources)
        {
            using var reader = source.Open(options.MaxLineBytes);
            _fold.Scope = new FoldScope(source.Times, bits, partition);
            var (totals, isWhole) = (default(FoldTotals), reader.FirstOffset == 0);
            for (var from = reader.FirstOffset; from < source.Source.AppliedThrough;)
            {
                var folded = _fold.Aggregate(reader, from, source.Source.AppliedThrough, limited: true, hashed: false, cancellationToken);
                Note(reader, folded);
                totals += FoldTotals.Of(folded);
                isWhole &= folded.Damage.Count == 0;
                from = folded.End;
                if (IsTooMuch(bits))
                {
                    return false;
                }
            }

            if (isWhole)
            {
                foreach (var generation in source.Generations)
                {
                    CompareTotals(generation, 0, generation.AppliedThrough, FoldTotals.Of(generation, snapshot.Revenues[generation.Id]), totals);
                }
            }

            foreach (var range in source.Ranges)
            {
                AddMerged(source, reader, range, new FoldScope(1, bits, partition), cancellationToken);
                if (IsTooMuch(bits))
                {
                    return false;
                }
            }
        }

        return true;
    }

    /// <summary>What cannot be folded cannot be checked: an unknown name ends the check, damage is listed.</summary>
    private void Note(ISourceReader reader, RangeAggregate folded)
    {
        if (folded.UnknownNameAt is { } unknown)
        {
            throw new UserErrorException(
                $"Could not check. {reader.Name}: the record at offset {unknown} is in the ledger, but its event name is not among the EventTypes of this verify: give it the settings of the processor");
        }

        foreach (var damage in folded.Damage)
        {
            _unreadable.Add($"{reader.Name}: bytes {damage.From} to {damage.Through} cannot be read: {damage.Reason}");
        }
    }

    private bool IsTooMuch(int bits) => _fold.Weight > options.MaxUsersPerRange && bits < MaxPartitionBits;

    private void CompareTotals(EventSource source, long from, long through, FoldTotals table, FoldTotals events) =>
        _totals.AddRange(FoldTotals.Compare(table, events).Select(total => new TotalDifference(source.Name, source.Generation, from, through, total.Counter, total.Table, total.Events)));

    /// <summary>Adds those users of a range that are merged: each part up to its watermark.</summary>
    private void AddMerged(VerifiedSource source, ISourceReader reader, EventRange range, FoldScope scope, CancellationToken cancellationToken)
    {
        _range.Clear();
        _range.Scope = scope;
        var folded = _range.Aggregate(reader, range.From, range.Frozen!.End, limited: false, hashed: true, cancellationToken);
        Note(reader, folded);
        if (!folded.BytesHash.Span.SequenceEqual(range.Frozen.BytesHash.Span))
        {
            throw new UserErrorException($"Could not check. {reader.Name}: bytes {range.From} to {range.Frozen.End} have changed since their merge began: put the original back");
        }

        if (folded.Damage.Count == 0)
        {
            CompareTotals(source.Generations.Single(generation => generation.Id == range.SourceId), range.From, range.Frozen.End, FoldTotals.Of(range.Frozen), FoldTotals.Of(folded));
        }

        var merged = _range.Combine();
        var records = new uint[merged.Count];
        merged.CopyRecords(records);
        foreach (var record in records)
        {
            var userId = merged.UserId(record);
            if (IsMerged(range.Frozen, userId))
            {
                _fold.Tables[0].Add(userId, merged.Sum(record));
            }
        }
    }

    private static bool IsMerged(FrozenRange frozen, ReadOnlySpan<byte> userId)
    {
        foreach (var part in frozen.Parts)
        {
            if (userId.SequenceCompareTo(part.UpperKey.Span) <= 0)
            {
                return userId.SequenceCompareTo(part.MergedThrough.Span) <= 0;
            }
        }

        return false;
    }

    private static async Task<(long Users, long Differences)> CompareAsync(
        LedgerSnapshot snapshot, UserSums sums, FoldScope scope, bool sumsAreWhole, Action<LedgerDifference> report, CancellationToken cancellationToken)
    {
        var (users, differences) = ((long)sums.Count, 0L);
        await foreach (var (userId, revenue) in snapshot.ReadBalancesAsync(cancellationToken).ConfigureAwait(false))
        {
            if (!scope.Contains(userId))
            {
                continue;
            }

            if (!sums.TryFind(userId, out var record))
            {
                if (!sumsAreWhole)
                {
                    continue;
                }

                users++;
                differences++;
                report(new LedgerDifference(userId, revenue, null));
                continue;
            }

            sums.Mark(record);
            if (sumsAreWhole && (BigInteger)sums.Sum(record) is var sum && revenue != sum)
            {
                differences++;
                report(new LedgerDifference(userId, revenue, sum));
            }
        }

        var records = new uint[sums.Count];
        sums.CopyRecords(records);
        foreach (var record in records.Where(record => !sums.IsMarked(record)))
        {
            differences++;
            report(new LedgerDifference(sums.UserId(record).ToArray(), null, sums.Sum(record)));
        }

        return (users, differences);
    }
}
