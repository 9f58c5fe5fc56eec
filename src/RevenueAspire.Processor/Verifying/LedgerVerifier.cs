using Npgsql;
using RevenueAspire.CommandLine;
using RevenueAspire.Events;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Aggregation;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Verifying;

/// <summary>Aggregates all applied bytes again, and compares the sums with the ledger (rule M13). Processors may keep running, because one snapshot decides
/// which bytes are aggregated.</summary>
/// <remarks>
/// Memory is bounded: users that do not fit are sorted and written to disk, and are compared with the table in the order of their ids. A fully or partly
/// unreadable source does not end the check. Its bytes may contribute to any balance, so a balance that differs from the sum of the other sources is not
/// checked. But the differences must add up to the revenue that the ledger records for the unread bytes. And these users must not outnumber the unread events:
/// <see cref="UncheckedShare"/>.
/// </remarks>
internal sealed class LedgerVerifier(NpgsqlDataSource database, EventTypes types, ProcessorOptions options) : IDisposable
{
    private readonly RangeAggregator _balances = new(types, options, options.WorkerCount) { KeepsRejects = false };
    private readonly RangeAggregator _range = new(types, options, options.WorkerCount) { KeepsRejects = false };
    private readonly List<TotalDifference> _totals = [];
    private UncheckedShare _unchecked = new();

    /// <inheritdoc/>
    public void Dispose()
    {
        _balances.Dispose();
        _range.Dispose();
    }

    /// <summary>Compares all balances. Must not be called concurrently.</summary>
    /// <param name="report">Receives each user that differs, in no particular order.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <param name="places">Files and folders to search for counted files, in addition to the known paths.</param>
    /// <exception cref="UserErrorException">One of the places does not exist.</exception>
    public async Task<VerifyResult> RunAsync(Action<LedgerDifference> report, CancellationToken cancellationToken, IReadOnlyList<string>? places = null)
    {
        var opened = await VerifiedSources.OpenAsync(database, options, places ?? [], cancellationToken).ConfigureAwait(false);
        await using (opened.ConfigureAwait(false))
        {
            return await RunAsync(opened.Snapshot, opened.Sources, report, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<VerifyResult> RunAsync(
        LedgerSnapshot snapshot, IReadOnlyList<VerifiedSource> sources, Action<LedgerDifference> report, CancellationToken cancellationToken)
    {
        var hints = new List<string>();
        var residue = new Residue();
        await Task.Run(
            () =>
            {
                foreach (var source in sources)
                {
                    Attempt(source, () => Check(source, hints));
                }
            },
            cancellationToken).ConfigureAwait(false);
        var balances = await Task.Run(
            () =>
            {
                while (!TryAggregate(snapshot, sources, cancellationToken))
                {
                    // Start again without the failed source, because its events cannot be removed from the sums.
                }

                return _balances.Sort();
            },
            cancellationToken).ConfigureAwait(false);
        var (users, differences) = await BalanceComparison.RunAsync(
            snapshot, balances, _unchecked.IsEmpty, residue, report, cancellationToken).ConfigureAwait(false);
        var share = _unchecked.IsEmpty ? null : residue.Against(_unchecked);
        var history = await CheckHistoryAsync(snapshot, sources, cancellationToken).ConfigureAwait(false);
        return new VerifyResult(
            users, sources.Sum(source => source.Times), differences, _totals, [.. sources.Select(Report)], share,
            differences > 0 || _totals.Count > 0 || share is { Contradicts: true } ? hints : [], history);
    }

    /// <summary>Compares the history. Returns null if the ledger keeps none, or if it has ended.</summary>
    private async Task<HistoryResult?> CheckHistoryAsync(
        LedgerSnapshot snapshot, IReadOnlyList<VerifiedSource> sources, CancellationToken cancellationToken)
    {
        if (snapshot.History is not { State.IsEnabled: true } history)
        {
            return null;
        }

        // The balances have been compared: release their memory.
        _balances.Clear();
        using var check = new HistoryCheck(types, options);
        return await check.RunAsync(history, sources, cancellationToken).ConfigureAwait(false);
    }

    private SourceReport Report(VerifiedSource source)
    {
        string[] reasons = source.Refusal is { } refusal ? [refusal] : [.. source.Removed is { } removed ? [removed] : Array.Empty<string>(), .. source.Unread];
        var state = source.Generations.Any(generation => _totals.Any(total => total.SourceId == generation.Id))
            ? SourceState.Differs : reasons.Length > 0 ? SourceState.NotChecked : SourceState.Equal;
        return new SourceReport(source.Source.Name, source.Times, source.Needed, state, source.Removed is not null, reasons);
    }

    /// <summary>Runs a part of the check for one source. If the source is unreadable, refuses it and returns false.</summary>
    private static bool Attempt(VerifiedSource source, Action action)
    {
        if (source.Refusal is not null)
        {
            return true;
        }

        try
        {
            action();
            return true;
        }
        catch (Exception exception) when (VerifiedSource.IsOfSource(exception))
        {
            var name = source.Source.Name + ": ";
            source.Refuse(exception.Message.StartsWith(name, StringComparison.Ordinal) ? exception.Message[name.Length..] : exception.Message);
            return false;
        }
    }

    private void Check(VerifiedSource source, List<string> hints)
    {
        var content = source.CheckSettings(options.MaxLineBytes, types);
        if (content.FirstOffset > 0)
        {
            source.Removed = $"retention has removed its beginning, up to offset {content.FirstOffset}, so no balance can be recomputed";
        }

        if (content.HasOtherTypes)
        {
            hints.Add(
                $"{source.Source.Name}: was at least partly counted with different EventTypes. Run verify with those of the processor. If it already has them, "
                + "the sign of an event name was changed after some of its events were counted");
        }
    }

    /// <summary>Aggregates all sources; false if one of them failed.</summary>
    private bool TryAggregate(LedgerSnapshot snapshot, IReadOnlyList<VerifiedSource> sources, CancellationToken cancellationToken)
    {
        _balances.Clear();
        _totals.Clear();
        _unchecked = new UncheckedShare();
        foreach (var source in sources)
        {
            if (!Attempt(source, () => Aggregate(snapshot, source, cancellationToken)))
            {
                return false;
            }

            if (source.Refusal is not null)
            {
                _unchecked.AddWhole(source, snapshot.Revenues);
            }
        }

        return true;
    }

    private void Aggregate(LedgerSnapshot snapshot, VerifiedSource source, CancellationToken cancellationToken)
    {
        using var reader = source.Open(options.MaxLineBytes);
        _balances.Times = source.Times;
        var (totals, isWhole) = (default(SourceTotals), reader.FirstOffset == 0);
        if (reader.FirstOffset < source.Source.AppliedThrough)
        {
            var aggregated = _balances.Aggregate(
                reader, reader.FirstOffset, source.Source.AppliedThrough, limited: false, hashed: false, cancellationToken);
            isWhole &= IsWhole(source, aggregated);
            totals = SourceTotals.Of(aggregated);
        }

        foreach (var generation in source.Generations)
        {
            var table = SourceTotals.Of(generation, snapshot.Revenues[generation.Id]);
            if (isWhole)
            {
                CompareTotals(generation, 0, generation.AppliedThrough, table, totals);
            }
            else
            {
                _unchecked.AddRest(table, totals);
            }
        }

        foreach (var range in source.Ranges)
        {
            AddMerged(source, reader, range, cancellationToken);
        }
    }

    /// <summary>Whether all bytes of a stretch were aggregated. Records damage, and throws for an unknown event name.</summary>
    private static bool IsWhole(VerifiedSource source, RangeAggregate aggregated)
    {
        if (aggregated.UnknownNameAt is { } unknown)
        {
            throw new UserErrorException(
                $"the ledger contains the record at offset {unknown}, but its event name is not in the EventTypes of verify: "
                + "run verify with the settings of the processor");
        }

        foreach (var damage in aggregated.Damage)
        {
            source.AddUnread($"bytes {damage.From} to {damage.Through} cannot be read: {damage.Reason}");
        }

        return aggregated.Damage.Count == 0;
    }

    private void CompareTotals(LedgerSource source, long from, long through, SourceTotals table, SourceTotals events) =>
        _totals.AddRange(SourceTotals.Compare(table, events).Select(
            total => new TotalDifference(source.Id, source.Name, source.Generation, from, through, total.Counter, total.Table, total.Events)));

    /// <summary>Adds the merged users of a range: those up to the watermark of each part.</summary>
    private void AddMerged(VerifiedSource source, ISourceReader reader, EventRange range, CancellationToken cancellationToken)
    {
        _range.Clear();
        var aggregated = _range.Aggregate(reader, range.From, range.Frozen!.End, limited: false, hashed: true, cancellationToken);
        var isWhole = IsWhole(source, aggregated);
        if (!aggregated.BytesHash.Span.SequenceEqual(range.Frozen.BytesHash.Span))
        {
            throw new UserErrorException($"bytes {range.From} to {range.Frozen.End} changed after their merge started: put the original bytes back");
        }

        if (isWhole)
        {
            CompareTotals(source.Generations.Single(generation => generation.Id == range.SourceId), range.From, range.Frozen.End, SourceTotals.Of(range.Frozen),
                SourceTotals.Of(aggregated));
        }
        else
        {
            _unchecked.AddUnknown();
        }

        for (var users = _range.Sort().ReadAfter([]); users.Read();)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (range.Frozen.IsMerged(users.UserId))
            {
                _balances.Add(users.UserId, users.Delta);
            }
        }
    }
}
