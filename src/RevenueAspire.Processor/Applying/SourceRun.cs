using System.Diagnostics;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Aggregation;
using RevenueAspire.Processor.Diagnostics;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Applying;

/// <summary>Brings a source into the ledger through an offset, together with whoever else works on it (rules M3 to M8). One use.</summary>
/// <remarks>Two lanes: while one merges a range into Postgres, the other aggregates the next, so that at most two aggregates are in memory. The second one begins with the first range that leaves
/// something behind it: until then it would only cost a connection, and whoever waits for others from beginning to end costs one. A lane that finds nothing to do waits for the others' ranges, folds what they finished, and takes over what they left.</remarks>
internal sealed class SourceRun : IDisposable
{
    private const int Lanes = 2;
    private static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestWait = TimeSpan.FromMilliseconds(500);

    /// <summary>Who waits for others sees that they are done late by at most this part of the time that it has waited, and looks fewer times the longer it takes.</summary>
    private const int LatenessShare = 32;
    private readonly ApplyServices _services;
    private readonly ISourceReader _reader;
    private readonly Guid _sourceId;
    private readonly long _through;
    private readonly RunCounters _counters;
    private readonly Guid _owner = Guid.NewGuid();
    private readonly ReadOnlyMemory<byte> _fingerprint;
    private readonly SemaphoreSlim _aggregating = new(1);
    private readonly SemaphoreSlim _merging = new(1);
    private readonly RangeAggregator?[] _aggregators = new RangeAggregator?[Lanes];
    private readonly int _rangesBefore;
    private volatile bool _stopped;
    private long _foldedThrough;
    private int _working;
    private volatile bool _wholeIsProven;
    private readonly TaskCompletionSource<bool> _hasWorkForTwo = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _progress = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="services">Ledger and settings.</param>
    /// <param name="reader">The source's bytes.</param>
    /// <param name="sourceId">The source.</param>
    /// <param name="through">The beginning of a line, or the source's end.</param>
    /// <param name="counters">Told what is done.</param>
    public SourceRun(ApplyServices services, ISourceReader reader, Guid sourceId, long through, RunCounters counters)
    {
        (_services, _reader, _sourceId, _through, _counters) = (services, reader, sourceId, through, counters);
        _rangesBefore = counters.Ranges;
        _fingerprint = FoldFingerprint.Compute(services.Types, reader);
        var before = counters.BytesFolded;
        counters.ObserveFolding(() => before + _aggregators.Sum(aggregator => aggregator?.BytesFolded ?? 0));
    }

    /// <summary>File: what the whole of it is known by, so that a range that is the whole is compared before its first merge.</summary>
    public FileDigest? Whole { get; init; }

    /// <summary>The range that was merged was the whole file, and its bytes were those of <see cref="Whole"/>; or nothing was merged here.</summary>
    public bool WholeIsProven => _wholeIsProven || _counters.Ranges == _rangesBefore;

    /// <summary>Completes once the source is applied through the offset, by a synchronous commit (rule M7), whoever applied it.</summary>
    /// <returns>The source as it is then.</returns>
    /// <exception cref="SourceStoppedException">The source cannot go on.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; ranges that were held are given back.</exception>
    public async Task<EventSource> RunAsync(CancellationToken cancellationToken)
    {
        var before = await FindAsync(cancellationToken).ConfigureAwait(false);
        if (before.AppliedThrough >= _through)
        {
            return before;
        }

        SourceCheck.Verify(_reader, before);
        _foldedThrough = before.AppliedThrough;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var second = RunSecondLaneAsync(stop);
        var source = Task.Run(() => StopOthersAsync(RunLaneAsync(0, stop.Token), stop), CancellationToken.None);
        await ((Task)source).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _hasWorkForTwo.TrySetResult(false);
        await Task.WhenAll(source, second).ConfigureAwait(false);
        return await source.ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _aggregating.Dispose();
        _merging.Dispose();
    }

    private async Task RunSecondLaneAsync(CancellationTokenSource stop)
    {
        if (await _hasWorkForTwo.Task.ConfigureAwait(false))
        {
            await StopOthersAsync(RunLaneAsync(1, stop.Token), stop).ConfigureAwait(false);
        }
    }

    private async Task<EventSource> StopOthersAsync(Task<EventSource> lane, CancellationTokenSource stop)
    {
        try
        {
            return await lane.ConfigureAwait(false);
        }
        catch (SourceStoppedException)
        {
            // What comes before the place that stops the source still counts: the other lane finishes the range that it has.
            _stopped = true;
            throw;
        }
        catch
        {
            await stop.CancelAsync().ConfigureAwait(false);
            throw;
        }
    }

    private async Task<EventSource> RunLaneAsync(int lane, CancellationToken cancellationToken)
    {
        long? waitingSince = null;
        while (true)
        {
            if (_stopped)
            {
                throw new OperationCanceledException();
            }

            var progress = Volatile.Read(ref _progress).Task;
            var look = await LookAsync(cancellationToken).ConfigureAwait(false);
            _counters.AppliedThrough = look.Source.AppliedThrough;
            if (look.Source.AppliedThrough >= _through)
            {
                Tell();
                return look.Source;
            }

            if ((look.HasFreeRange || look.Source.ClaimedThrough < _through) && await WorkAsync(lane, cancellationToken).ConfigureAwait(false))
            {
                waitingSince = null;
                continue;
            }

            // All that is left is in other hands. A range that was merged, but whose processor died before the fold, is folded here.
            if (look.HasFinishedRange)
            {
                await FoldAsync(cancellationToken).ConfigureAwait(false);
            }

            waitingSince ??= Stopwatch.GetTimestamp();
            await Task.WhenAny(progress, Task.Delay(Pause(lane, waitingSince.Value), cancellationToken)).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Until the next look. The other lane of this process tells what it does, so that only a lane that waits for other processes looks often, and only one of the two.</summary>
    private TimeSpan Pause(int lane, long waitingSince)
    {
        if (lane > 0 || Volatile.Read(ref _working) > 0)
        {
            return LongestWait;
        }

        var share = Stopwatch.GetElapsedTime(waitingSince) / LatenessShare;
        return share < ShortestWait ? ShortestWait : share < LongestWait ? share : LongestWait;
    }

    /// <summary>Wakes the lane that waits.</summary>
    private void Tell() =>
        Interlocked.Exchange(ref _progress, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();

    /// <summary>Takes one range from claim to fold; false when there was none to have.</summary>
    private async Task<bool> WorkAsync(int lane, CancellationToken cancellationToken)
    {
        RangeLease? lease = null;
        try
        {
            RangeWork? work;
            await _aggregating.WaitAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                if (await TakeAsync(cancellationToken).ConfigureAwait(false) is not { } range)
                {
                    return false;
                }

                lease = RangeLease.Keep(_services.Database, range.Id, _owner, _services.Options.Lease, cancellationToken);
                Interlocked.Increment(ref _working);
                RefuseBeyondEnd(range);
                var aggregator = _aggregators[lane] ??= new RangeAggregator(_services.Types, _services.Options, _services.Options.WorkerCount);
                work = await _services.Freezer.AggregateAsync(range, _reader, _fingerprint, aggregator, lease, CompareWithWhole).ConfigureAwait(false);
            }
            finally
            {
                _aggregating.Release();
            }

            if (work is not null)
            {
                // What follows it can be had: the next range of the source, or the rest of a range that ended early.
                if (work.Range.To < _through)
                {
                    _hasWorkForTwo.TrySetResult(true);
                }

                Tell();
                await _merging.WaitAsync(lease.Work).ConfigureAwait(false);
                try
                {
                    var started = Stopwatch.GetTimestamp();
                    using var activity = MergeActivity.Start(MergeActivity.Range, _reader, work.Range.From, work.Range.To);
                    await _services.Merger.MergeAsync(work.Range, work.Users, work.Rejects, lease).ConfigureAwait(false);
                    lease.IsFinished = true;
                    _services.Reports.TellMerged(_reader, work, Stopwatch.GetElapsedTime(started));
                }
                finally
                {
                    _merging.Release();
                }

                _counters.AddRange(work.Users.Count);
                await FoldAsync(cancellationToken).ConfigureAwait(false);
            }

            return true;
        }
        catch (OperationCanceledException) when (lease is { IsLost: true } && !cancellationToken.IsCancellationRequested)
        {
            // The range has another owner now: look for other work.
            return true;
        }
        finally
        {
            if (lease is not null)
            {
                if (Interlocked.Decrement(ref _working) == 0)
                {
                    // Now it is others that the waiting lane waits for.
                    Tell();
                }

                await lease.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    /// <summary>Takes over what others left, else claims the next piece of the source.</summary>
    private async Task<EventRange?> TakeAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var source = await FindAsync(cancellationToken).ConfigureAwait(false);
            if (source.AppliedThrough < _through)
            {
                // Rule M11 at each claim: a copy may have been put in the source's place since the last one.
                SourceCheck.Verify(_reader, source);
            }

            // What lies behind the end is a later state of the file, which this process has not opened.
            var readable = _reader.ReadEnd();
            if (source.ClaimedThrough > source.AppliedThrough
                && await _services.Retry.RunAsync(token => RangeClaims.TryTakeOverAsync(_services.Database, _sourceId, _owner, _services.Options.Lease, readable, token), cancellationToken).ConfigureAwait(false) is { } left)
            {
                return left;
            }

            if (source.ClaimedThrough >= _through)
            {
                return null;
            }

            var from = source.ClaimedThrough;
            var target = Math.Min(_services.Options.RangeBytes, _through - from) + from;
            var to = target < _through ? SourceScan.NextLineStart(_reader, target, _through) : _through;
            var claimed = await _services.Retry.RunAsync(
                token => RangeClaims.TryClaimAsync(_services.Database, _sourceId, from, to, _owner, _services.Options.Lease, token), cancellationToken).ConfigureAwait(false);
            if (claimed is not null)
            {
                return claimed;
            }

            if ((await FindAsync(cancellationToken).ConfigureAwait(false)).ClaimedThrough == from)
            {
                // As many ranges are open as may be: first some must be folded.
                return null;
            }
        }
    }

    /// <summary>Before the first merge of a range: when it is the whole file, its bytes must be the ones that were hashed.</summary>
    private void CompareWithWhole(RangeAggregate range)
    {
        if (Whole is not { } whole || range.From != 0 || range.End != whole.Length)
        {
            return;
        }

        if (!range.BytesHash.Span.SequenceEqual(whole.Sha256.Span))
        {
            throw new SourceStoppedException(
                $"{_reader.Name}: CHANGED between hashing and counting, so nothing of it was counted. Put the original back and process it again; never change a file in place, append to it");
        }

        _wholeIsProven = true;
    }

    private void RefuseBeyondEnd(EventRange range)
    {
        if (range.To > _reader.ReadEnd())
        {
            throw new SourceStoppedException(
                $"{_reader.Name}: an earlier state of a file that has grown to at least {range.To} bytes, and whose processing is not finished. Process the longer one.");
        }
    }

    private async Task FoldAsync(CancellationToken cancellationToken)
    {
        var fold = await _services.Retry.RunAsync(
            token => RangeFold.FoldAsync(_services.Database, _sourceId, through => SourceScan.TailHash(_reader.Whole, through), token), cancellationToken).ConfigureAwait(false);
        _counters.AppliedThrough = fold.AppliedThrough;
        if (fold.AppliedThrough == Interlocked.Exchange(ref _foldedThrough, fold.AppliedThrough))
        {
            // Nobody is woken for nothing: a lane that waits looks here too, and would wake itself for ever.
            return;
        }

        Tell();
    }

    private async Task<EventSource> FindAsync(CancellationToken cancellationToken) =>
        await _services.Retry.RunAsync(token => _services.Sources.FindAsync(_sourceId, token), cancellationToken).ConfigureAwait(false) ?? throw Unknown();

    private async Task<SourceLook> LookAsync(CancellationToken cancellationToken) =>
        await _services.Retry.RunAsync(
            token => SourceLook.LookAsync(_services.Database, _sourceId, _reader.ReadEnd(), _services.Options.Lease, token), cancellationToken).ConfigureAwait(false) ?? throw Unknown();

    private SourceStoppedException Unknown() => new($"{_reader.Name}: the ledger no longer knows this source: its database was replaced. Start again.");
}
