using System.Diagnostics;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Aggregation;
using RevenueAspire.Processor.Diagnostics;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Applying;

/// <summary>Applies a source up to an offset, together with other processors (rules M3 to M8). Single use.</summary>
/// <remarks>Two lanes: while one lane merges a range into Postgres, the other aggregates the next range. So at most two aggregates are in memory. The second
/// lane starts only if the first range leaves more work; otherwise it would waste a connection. An idle lane waits for the ranges of other processors, closes
/// finished ones, and takes over abandoned ones.</remarks>
internal sealed class SourceApplier : IDisposable
{
    private const int Lanes = 2;
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
    private volatile bool _stopped;
    private long _closedThrough;
    private readonly TaskCompletionSource<bool> _hasWorkForTwo = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly LaneProgress _progress = new();
    private readonly RangeTaker _ranges;

    /// <param name="services">Ledger and settings.</param>
    /// <param name="reader">The source's bytes.</param>
    /// <param name="sourceId">The source.</param>
    /// <param name="through">The start of a line, or the end of the source.</param>
    /// <param name="counters">Receives the progress.</param>
    public SourceApplier(ApplyServices services, ISourceReader reader, Guid sourceId, long through, RunCounters counters)
    {
        (_services, _reader, _sourceId, _through, _counters) = (services, reader, sourceId, through, counters);
        _ranges = new RangeTaker(services, reader, sourceId, through, _owner);
        _fingerprint = ParsingFingerprint.Compute(services.Types, reader);
        var before = counters.BytesAggregated;
        counters.ObserveAggregation(() => before + _aggregators.Sum(aggregator => aggregator?.BytesAggregated ?? 0));
    }

    /// <summary>Completes when any processor has applied the source up to the offset with a synchronous commit (rule M7).</summary>
    /// <returns>The state of the source at that time.</returns>
    /// <exception cref="SourceStoppedException">The source cannot continue.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the held ranges are released.</exception>
    public async Task<LedgerSource> RunAsync(CancellationToken cancellationToken)
    {
        var before = await _ranges.FindSourceAsync(cancellationToken).ConfigureAwait(false);
        if (before.AppliedThrough >= _through)
        {
            return before;
        }

        SourceCheck.Verify(_reader, before);
        _closedThrough = before.AppliedThrough;
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
        var aggregated = _counters.BytesAggregated;

        // The counters outlive this object: without this line they would keep the tables in memory.
        _counters.ObserveAggregation(() => aggregated);
        for (var lane = 0; lane < Lanes; lane++)
        {
            _aggregators[lane]?.Dispose();
            _aggregators[lane] = null;
        }
    }

    private async Task RunSecondLaneAsync(CancellationTokenSource stop)
    {
        if (await _hasWorkForTwo.Task.ConfigureAwait(false))
        {
            await StopOthersAsync(RunLaneAsync(1, stop.Token), stop).ConfigureAwait(false);
        }
    }

    private async Task<LedgerSource> StopOthersAsync(Task<LedgerSource> lane, CancellationTokenSource stop)
    {
        try
        {
            return await lane.ConfigureAwait(false);
        }
        catch (SourceStoppedException)
        {
            // The bytes before the failing place still count, so the other lane finishes its range.
            _stopped = true;
            throw;
        }
        catch
        {
            await stop.CancelAsync().ConfigureAwait(false);
            throw;
        }
    }

    private async Task<LedgerSource> RunLaneAsync(int lane, CancellationToken cancellationToken)
    {
        long? waitingSince = null;
        while (true)
        {
            if (_stopped)
            {
                throw new OperationCanceledException();
            }

            var progress = _progress.Next;
            var status = await ReadStatusAsync(cancellationToken).ConfigureAwait(false);
            _counters.AppliedThrough = status.Source.AppliedThrough;
            if (status.Source.AppliedThrough >= _through)
            {
                _progress.Signal();
                return status.Source;
            }

            if ((status.HasFreeRange || status.Source.ClaimedThrough < _through) && await WorkAsync(lane, cancellationToken).ConfigureAwait(false))
            {
                waitingSince = null;
                continue;
            }

            // Other processors hold all remaining ranges. Close any merged range whose processor died before the close.
            if (status.HasFinishedRange)
            {
                await CloseAsync(cancellationToken).ConfigureAwait(false);
            }

            waitingSince ??= Stopwatch.GetTimestamp();
            await Task.WhenAny(progress, Task.Delay(_progress.Pause(lane == 0, waitingSince.Value), cancellationToken)).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Processes one range from claim to close; false if no range was available.</summary>
    private async Task<bool> WorkAsync(int lane, CancellationToken cancellationToken)
    {
        RangeLease? lease = null;
        try
        {
            RangeWork? work;
            await _aggregating.WaitAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                if (await _ranges.TakeAsync(cancellationToken).ConfigureAwait(false) is not { } range)
                {
                    return false;
                }

                lease = RangeLease.Start(_services.Database, range.Id, _owner, _services.Options.Lease, cancellationToken);
                _progress.BeginWork();
                RefuseBeyondEnd(range);
                var aggregator = _aggregators[lane] ??= new RangeAggregator(
                    _services.Types, _services.Options, _services.Options.WorkerCount, keepsEvents: _services.History is not null);
                work = await _services.Freezer.AggregateAsync(range, _reader, _fingerprint, aggregator, lease).ConfigureAwait(false);
            }
            finally
            {
                _aggregating.Release();
            }

            if (work is not null)
            {
                // More work is available now: the next range of the source, or the rest of a range that ended early.
                if (work.Range.To < _through)
                {
                    _hasWorkForTwo.TrySetResult(true);
                }

                _progress.Signal();
                await _merging.WaitAsync(lease.Work).ConfigureAwait(false);
                try
                {
                    var started = Stopwatch.GetTimestamp();
                    using var activity = MergeActivity.Start(MergeActivity.Range, _reader, work.Range.From, work.Range.To);
                    await _services.Merger.MergeAsync(work.Range, work.Users, work.Rejects, _services.History, lease).ConfigureAwait(false);
                    lease.IsFinished = true;
                    _services.Reports.ReportMerged(_reader, work, Stopwatch.GetElapsedTime(started));
                }
                finally
                {
                    _merging.Release();
                }

                _counters.AddRange(work.Users);
                await CloseAsync(cancellationToken).ConfigureAwait(false);
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
                _progress.EndWork();
                await lease.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    private void RefuseBeyondEnd(EventRange range)
    {
        if (range.To > _reader.ReadEnd())
        {
            throw new SourceStoppedException(
                $"{_reader.Name}: this is an earlier state of a file that has grown to at least {range.To} bytes and is only partly "
                    + "processed. Process the longer file.");
        }
    }

    private async Task CloseAsync(CancellationToken cancellationToken)
    {
        var applied = await _services.Retry.RunAsync(
            token => RangeClose.CloseAsync(_services.Database, _sourceId, TailHash, token),
            cancellationToken).ConfigureAwait(false);
        _counters.AppliedThrough = applied;

        // A waiting lane calls this method too. A signal without progress would wake it again at once, in an endless loop.
        if (applied != Interlocked.Exchange(ref _closedThrough, applied))
        {
            _progress.Signal();
        }
    }

    /// <summary>Reads the whole source if another processor has applied more bytes than this reader covers.</summary>
    private ReadOnlyMemory<byte> TailHash(long through) => SourceScan.TailHash(through <= _reader.ReadEnd() ? _reader : _reader.Whole, through);

    private async Task<SourceStatus> ReadStatusAsync(CancellationToken cancellationToken) =>
        await _services.Retry.RunAsync(
            token => SourceStatus.ReadAsync(_services.Database, _sourceId, _reader.ReadEnd(), _services.Options.Lease, token),
            cancellationToken).ConfigureAwait(false) ?? throw _ranges.Unknown();
}
