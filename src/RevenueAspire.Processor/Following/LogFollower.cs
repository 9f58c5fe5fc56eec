using System.Data.Common;
using Microsoft.Extensions.Logging;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Aggregation;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Following;

/// <summary>Keeps the ledger current with one log (rule M2): the holder of its lease applies small ranges as they become durable, the others stand by, and all help with a backlog.</summary>
internal sealed partial class LogFollower(ApplyServices services, LogSourceReader log, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan StandbyPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ReleaseWait = TimeSpan.FromSeconds(2);
    private readonly Guid _owner = Guid.NewGuid();
    private readonly RangeAggregator _aggregator = new(services.Types, services.Options, 1);
    private readonly RunCounters _counters = new();
    private long _applied;
    private bool _leased;
    private bool _waitsForMark;
    private long _leaseAsked;

    /// <summary>Follows until cancelled, or until the source stops. Never throws.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        services.Metrics.ObserveLag(log.LogId, () => Math.Max(0, log.ReadEnd() - Volatile.Read(ref _applied)));
        try
        {
            while (true)
            {
                try
                {
                    await FollowAsync(cancellationToken).ConfigureAwait(false);
                }
                catch (IOException exception)
                {
                    // A disk or a network share that fails now may answer later; nothing was skipped.
                    LogUnreadable(log.Name, exception.Message);
                    await Task.Delay(StandbyPause, time, cancellationToken).ConfigureAwait(false);
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The service stops, or another log took this one's place.
        }
        catch (Exception exception) when (exception is SourceStoppedException or EventLog.EventLogException)
        {
            LogStopped(log.Name, exception.Message);
        }
        catch (DbException exception)
        {
            // What was transient has been tried again until it worked (M12).
            LogStopped(log.Name, LedgerErrors.Describe(exception));
        }
        catch (Exception exception)
        {
            // A bug that one log brings to light must not stop the others; it is told with all that is known of it, and stops its log as rule M12 says.
            LogFailed(log.Name, exception);
        }
        finally
        {
            services.Metrics.ForgetLag(log.LogId);
            await ReleaseAsync().ConfigureAwait(false);
            log.Dispose();
        }
    }

    private async Task FollowAsync(CancellationToken cancellationToken)
    {
        await services.Retry.RunAsync(token => services.Sources.OpenLogAsync(log.LogId, log.Name, token), cancellationToken).ConfigureAwait(false);
        var source = await ReadSourceAsync(cancellationToken).ConfigureAwait(false);
        LogFollows(log.Name, source.AppliedThrough);
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!await HoldLeaseAsync(cancellationToken).ConfigureAwait(false))
            {
                source = await ReadSourceAsync(cancellationToken).ConfigureAwait(false);
                if (!await HelpAsync(source, cancellationToken).ConfigureAwait(false))
                {
                    await Task.Delay(StandbyPause, time, cancellationToken).ConfigureAwait(false);
                }

                continue;
            }

            var mark = log.ReadEnd();
            if (mark <= _applied)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(services.Options.PollMilliseconds), time, cancellationToken).ConfigureAwait(false);
            }
            else if (mark - _applied > services.Options.LiveRangeBytes)
            {
                await CatchUpAsync(mark, cancellationToken).ConfigureAwait(false);
            }
            else if (!await ApplyAsync(mark, cancellationToken).ConfigureAwait(false))
            {
                // Somebody else moved the source: a helper's ranges are open, or a lease changed hands.
                source = await ReadSourceAsync(cancellationToken).ConfigureAwait(false);
                await HelpAsync(source, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Asks for the lease, or renews it at a third of its length; in between it counts as held. It saves work only: each apply is a compare-and-set.</summary>
    private async Task<bool> HoldLeaseAsync(CancellationToken cancellationToken)
    {
        if (_leased && time.GetElapsedTime(_leaseAsked) < services.Options.Lease / 3)
        {
            return true;
        }

        var held = await services.Retry.RunAsync(
            token => services.Sources.TryLeaseAsync(log.LogId, _owner, services.Options.Lease, token), cancellationToken).ConfigureAwait(false);
        _leaseAsked = time.GetTimestamp();
        if (held && !_leased)
        {
            LogLeased(log.Name);
            await ReadSourceAsync(cancellationToken).ConfigureAwait(false);
        }

        return _leased = held;
    }

    /// <summary>Applies [applied, to) in one statement; false when the source was elsewhere.</summary>
    private async Task<bool> ApplyAsync(long to, CancellationToken cancellationToken)
    {
        var from = _applied;
        _aggregator.Clear();
        var range = _aggregator.Aggregate(log, from, to, limited: true, hashed: false, cancellationToken);
        if (range.UnknownNameAt is { } unknown)
        {
            // Rule M9: what comes before it counts, then the source stops.
            return unknown == from ? throw RangeFreezer.UnknownName(log, unknown) : await ApplyAsync(unknown, cancellationToken).ConfigureAwait(false);
        }

        var users = range.Sort();
        var tail = SourceScan.TailHash(log, range.End);
        if (!await services.Retry.RunAsync(
            token => services.Ranges.TryApplyAsync(log.LogId, from, range.End, users, range.Rejects, range.Lines, range.Events, tail, token), cancellationToken).ConfigureAwait(false))
        {
            return false;
        }

        // In the ledger, committed synchronously: nothing of it is ever read again.
        Volatile.Write(ref _applied, range.End);
        services.Metrics.CountEvents(range.Events, range.Rejects.Count);
        return true;
    }

    /// <summary>Helps with open ranges and with a backlog that is longer than a live range; false when there is neither.</summary>
    private async Task<bool> HelpAsync(EventSource source, CancellationToken cancellationToken)
    {
        var mark = log.ReadEnd();
        if (mark - source.ClaimedThrough > services.Options.LiveRangeBytes)
        {
            await CatchUpAsync(mark, cancellationToken).ConfigureAwait(false);
        }
        else if (source.ClaimedThrough > source.AppliedThrough)
        {
            await CatchUpAsync(source.ClaimedThrough, cancellationToken).ConfigureAwait(false);
        }
        else
        {
            return false;
        }

        return true;
    }

    private async Task CatchUpAsync(long through, CancellationToken cancellationToken)
    {
        LogCatchesUp(log.Name, Volatile.Read(ref _applied), through);
        using var run = new SourceRun(services, log, log.LogId, through, _counters);
        await run.RunAsync(cancellationToken).ConfigureAwait(false);
        await ReadSourceAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Reads where the source stands, and checks that the log is the one that was applied (rule M11).</summary>
    private async Task<EventSource> ReadSourceAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var source = await services.Retry.RunAsync(token => services.Sources.FindAsync(log.LogId, token), cancellationToken).ConfigureAwait(false)
                ?? throw new SourceStoppedException($"{log.Name}: the ledger no longer knows this log: its database was replaced. Start the processor again.");
            var mark = log.ReadEnd();
            if (mark >= source.AppliedThrough)
            {
                SourceCheck.Verify(log, source);
                Volatile.Write(ref _applied, source.AppliedThrough);
                _waitsForMark = false;
                return source;
            }

            // The mark is not fsynced: after a power cut it may be behind what is applied until the API has recovered the log. An older copy of the log looks the same until it
            // has grown so far, and then its bytes differ. So nothing is applied, and nothing is decided, before the mark is there.
            if (!_waitsForMark)
            {
                _waitsForMark = true;
                LogMarkIsBehind(log.Name, mark, source.AppliedThrough);
            }

            await Task.Delay(StandbyPause, time, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task ReleaseAsync()
    {
        if (!_leased)
        {
            return;
        }

        using var wait = new CancellationTokenSource(ReleaseWait);
        try
        {
            await services.Sources.ReleaseAsync(log.LogId, _owner, wait.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is OperationCanceledException || LedgerErrors.IsTransient(exception))
        {
            // A courtesy only: the lease ends by itself.
        }
    }
}
