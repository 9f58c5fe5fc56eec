using Npgsql;
using RevenueAspire.CommandLine;
using RevenueAspire.Events;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Aggregation;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Verifying;

/// <summary>Aggregates all applied bytes once more, and compares (rule M13). Processors may run meanwhile: one snapshot decides which bytes are
/// aggregated.</summary>
/// <remarks>
/// Bounded memory: users that do not fit are sorted and written to disk, and are compared with the table in the order of their ids.
/// A source that cannot be read, wholly or in part, does not end the check. Any user may have a share in it, so a balance that is not the sum of the other
/// sources is not checked. Together, however, these balances must make up the revenue that the ledger has of the unread bytes, in no more users than events:
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

    /// <summary>Compares all balances. Not to be called twice at once.</summary>
    /// <param name="report">Receives each user that differs, in no particular order.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <param name="places">Files and folders where files that were counted are looked for, beside the known paths.</param>
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
                    // Once more, without the source that failed: nothing can be taken out of a sum.
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

    /// <summary>Compares the history, where it is kept; null where there is none, or where it was ended.</summary>
    private async Task<HistoryResult?> CheckHistoryAsync(
        LedgerSnapshot snapshot, IReadOnlyList<VerifiedSource> sources, CancellationToken cancellationToken)
    {
        if (snapshot.History is not { State.IsEnabled: true } history)
        {
            return null;
        }

        // The balances are compared: their memory is needed.
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

    /// <summary>Runs a part of the check that concerns one source; false when it cannot be read, which it is refused for.</summary>
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
            source.Removed = $"retention has removed its beginning, up to offset {content.FirstOffset}: no balance can be computed again from the rest";
        }

        if (content.HasOtherTypes)
        {
            hints.Add(
                $"{source.Source.Name}: was counted, at least in part, with other EventTypes than verify has: give it those of the processor, or the sign of "
                + "a name was changed while events of it were counted");
        }
    }

    /// <summary>Aggregates all sources; false when one of them failed.</summary>
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

    /// <summary>Whether all bytes of a stretch were aggregated: damage is kept, and an unknown name leaves the source out.</summary>
    private static bool IsWhole(VerifiedSource source, RangeAggregate aggregated)
    {
        if (aggregated.UnknownNameAt is { } unknown)
        {
            throw new UserErrorException(
                $"the record at offset {unknown} is in the ledger, but its event name is not among the EventTypes of this verify: "
                + "give it the settings of the processor");
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

    /// <summary>Adds those users of a range that are merged: each part up to its watermark.</summary>
    private void AddMerged(VerifiedSource source, ISourceReader reader, EventRange range, CancellationToken cancellationToken)
    {
        _range.Clear();
        var aggregated = _range.Aggregate(reader, range.From, range.Frozen!.End, limited: false, hashed: true, cancellationToken);
        var isWhole = IsWhole(source, aggregated);
        if (!aggregated.BytesHash.Span.SequenceEqual(range.Frozen.BytesHash.Span))
        {
            throw new UserErrorException($"bytes {range.From} to {range.Frozen.End} have changed since their merge began: put the original back");
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
