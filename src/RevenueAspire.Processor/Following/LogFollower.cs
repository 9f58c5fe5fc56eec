using System.Data.Common;
using Microsoft.Extensions.Logging;
using RevenueAspire.Ledger;
using RevenueAspire.Postgres;
using RevenueAspire.Processor.Aggregation;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Processor.Diagnostics;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Following;

/// <summary>Keeps the ledger up to date with one log (rule M2). The lease holder applies small ranges as they become durable. Other processors stand by, and
/// all of them help with a backlog.</summary>
internal sealed class LogFollower(ApplyServices services, LogSourceReader opened, TimeProvider time, ILogger logger) : IDisposable
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan StandbyPause = TimeSpan.FromSeconds(1);
    private readonly LogLease _lease = new(services, opened.LogId, time);
    private readonly RangeAggregator _aggregator = new(services.Types, services.Options, 1, keepsEvents: services.History is not null);
    private readonly RunCounters _counters = new();
    private readonly LiveReport _live = new(opened.Name, time, logger);
    private readonly Guid _logId = opened.LogId;
    private readonly string _name = opened.Name;
    private readonly FollowedLog _log = new(opened);
    private ReadOnlyMemory<byte> _tail;
    private long _applied;
    private long _standbyLag;

    /// <summary>Follows the log until cancelled or until the source stops, then disposes this object. Never throws, so an error in one log does not affect the
    /// others.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        services.Metrics.ObserveLag(_logId, ReadLag);
        var (pause, spoolPause) = (StandbyPause, StandbyPause);
        try
        {
            while (true)
            {
                try
                {
                    await FollowAsync(() => pause = StandbyPause, cancellationToken).ConfigureAwait(false);
                }
                catch (SpoolException exception)
                {
                    // The log is readable, but each attempt reads all of it and fills the disk again, so increase the pause.
                    logger.LogSpoolRefused(_name, exception.Message);
                    await Task.Delay(spoolPause, time, cancellationToken).ConfigureAwait(false);
                    spoolPause = Next(spoolPause);
                }
                catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
                {
                    // A missing disk, network share or permission may return later. No events were skipped.
                    logger.LogUnreadableNow(_name, exception.Message);
                    await Task.Delay(pause, time, cancellationToken).ConfigureAwait(false);
                    pause = Next(pause);
                    _log.Reopen();
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The service is stopping, or another log replaced this one.
        }
        catch (Exception exception) when (exception is SourceStoppedException or EventLog.EventLogException or LedgerException)
        {
            logger.LogStopped(_name, exception.Message);
        }
        catch (DbException exception)
        {
            // Not a transient error: those are retried until they succeed (rule M12).
            logger.LogStopped(_name, DatabaseErrors.Describe(exception));
        }
        catch (Exception exception)
        {
            // A bug that one log exposes must not stop the others. Log all details, and stop only this log (rule M12).
            logger.LogFailed(_name, exception);
        }
        finally
        {
            _live.Write();
            services.Metrics.ForgetLag(_logId);
            await _lease.ReleaseAsync().ConfigureAwait(false);
            _log.Close();
            Dispose();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _aggregator.Dispose();

    private static TimeSpan Next(TimeSpan pause) => pause * 2 < LongestPause ? pause * 2 : LongestPause;

    private async Task FollowAsync(Action readable, CancellationToken cancellationToken)
    {
        await services.Retry.RunAsync(token => services.Sources.OpenLogAsync(_logId, _name, token), cancellationToken).ConfigureAwait(false);
        var source = await ReadSourceAsync(cancellationToken).ConfigureAwait(false);
        logger.LogFollows(_name, source.AppliedThrough);
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            _live.WriteWhenDue();
            var mark = _log.ReadMark();
            readable();
            if (mark < _applied)
            {
                await ReadSourceAsync(cancellationToken).ConfigureAwait(false);
                continue;
            }

            if (!await HoldLeaseAsync(mark, cancellationToken).ConfigureAwait(false))
            {
                if (mark == _applied)
                {
                    // No processor has events to apply. The log's mark shows when that changes, so do not query the database.
                    Volatile.Write(ref _standbyLag, 0);
                    await Task.Delay(StandbyPause, time, cancellationToken).ConfigureAwait(false);
                    continue;
                }

                source = await ReadSourceAsync(cancellationToken).ConfigureAwait(false);
                Volatile.Write(ref _standbyLag, Math.Max(0, mark - source.AppliedThrough));
                if (!await HelpAsync(source, cancellationToken).ConfigureAwait(false))
                {
                    await Task.Delay(StandbyPause, time, cancellationToken).ConfigureAwait(false);
                }

                continue;
            }

            mark = _log.ReadMark();
            if (mark < _applied)
            {
                continue;
            }

            if (mark == _applied)
            {
                await _log.Reader.WaitAsync(TimeSpan.FromMilliseconds(services.Options.PollMilliseconds), time, cancellationToken).ConfigureAwait(false);
            }
            else if (mark - _applied > services.Options.LiveRangeBytes)
            {
                await CatchUpAsync(mark, cancellationToken).ConfigureAwait(false);
            }
            else if (!await ApplyAsync(mark, cancellationToken).ConfigureAwait(false))
            {
                // Another processor moved the source: a helper has open ranges, or the lease has a new owner.
                source = await ReadSourceAsync(cancellationToken).ConfigureAwait(false);
                await HelpAsync(source, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Returns whether this processor applies the log. Each answer of the database contains the source's applied offset. A failover may lose the last
    /// applies if their wait for a standby was cancelled (rule R1). Without new events, only this offset shows that they must be applied again.</summary>
    private async Task<bool> HoldLeaseAsync(long mark, CancellationToken cancellationToken)
    {
        var (wasHeld, wasAsked) = (_lease.IsHeld, _lease.Asked);
        var held = await _lease.HoldAsync(isIdle: mark == _applied, cancellationToken).ConfigureAwait(false);
        if (held && !wasHeld)
        {
            logger.LogLeased(_name);
        }

        if (_lease.Asked != wasAsked && (_lease.AppliedThrough != _applied || (held && !wasHeld)))
        {
            await ReadSourceAsync(cancellationToken).ConfigureAwait(false);
        }

        return held;
    }

    /// <summary>Applies [applied offset, to) in one statement; false if another processor has moved the source.</summary>
    private async Task<bool> ApplyAsync(long to, CancellationToken cancellationToken)
    {
        var (from, before) = (_applied, _tail);
        if (!_tail.IsEmpty && SourceScan.TailHash(_log.Reader, from) is { Length: > 0 } tailNow && !_tail.Span.SequenceEqual(tailNow))
        {
            // Rule M11, checked before each apply: another copy replaced the log.
            throw SourceCheck.Changed(_log.Reader, from);
        }

        _aggregator.Clear();
        var range = _aggregator.Aggregate(_log.Reader, from, to, limited: true, hashed: false, cancellationToken);
        if (range.UnknownNameAt is { } unknown)
        {
            // Rule M9: apply the events before the unknown one, then stop the source.
            return unknown == from ? throw RangeFreezer.UnknownName(_log.Reader, unknown) : await ApplyAsync(unknown, cancellationToken).ConfigureAwait(false);
        }

        using var activity = MergeActivity.Start(MergeActivity.Live, _log.Reader, from, range.End);
        var users = range.Sort();
        var tail = SourceScan.TailHash(_log.Reader, range.End);
        if (!await services.Retry.RunAsync(
            token => LiveApply.TryApplyAsync(services.Database, _logId, from, range.End, users, range.Rejects, range.Lines, range.Events, tail,
                services.Types.Fingerprint, before, services.History, token), cancellationToken).ConfigureAwait(false))
        {
            return false;
        }

        // These bytes are committed synchronously in the ledger, and are never read again.
        Volatile.Write(ref _applied, range.End);
        _tail = tail;
        services.Reports.Report(_log.Reader, range);
        _live.Add(range);
        services.Metrics.CountEvents(range.Events, range.Rejects.Count);
        return true;
    }

    /// <summary>Helps with open ranges and with a backlog that is longer than a live range; false if there is neither.</summary>
    private async Task<bool> HelpAsync(LedgerSource source, CancellationToken cancellationToken)
    {
        var mark = _log.ReadMark();
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
        logger.LogCatchesUp(_name, Volatile.Read(ref _applied), through);
        using var run = new SourceApplier(services, _log.Reader, _logId, through, _counters);
        await run.RunAsync(cancellationToken).ConfigureAwait(false);
        await ReadSourceAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Reads the source's applied offset, and checks that the log is the one that was applied (rule M11).</summary>
    private async Task<LedgerSource> ReadSourceAsync(CancellationToken cancellationToken)
    {
        var source = await FindSourceAsync(cancellationToken).ConfigureAwait(false);
        if (_log.ReadMark() < source.ClaimedThrough)
        {
            source = await WaitForMarkAsync(source, cancellationToken).ConfigureAwait(false);
        }

        SourceCheck.Verify(_log.Reader, source);
        Volatile.Write(ref _applied, source.AppliedThrough);
        _tail = source.TailHash;
        return source;
    }

    /// <summary>
    /// Rule M11: waits while the durable mark is below the applied or claimed offset. After a power cut, that lasts until the API has recovered the log.
    /// Otherwise an older copy was restored. The bytes up to the applied offset show the cause when the mark reaches it. Until then, no events are applied.
    /// </summary>
    private async Task<LedgerSource> WaitForMarkAsync(LedgerSource source, CancellationToken cancellationToken)
    {
        logger.LogMarkIsBehind(_name, _log.ReadMark(), source.ClaimedThrough);
        while (_log.ReadMark() < source.ClaimedThrough)
        {
            await Task.Delay(StandbyPause, time, cancellationToken).ConfigureAwait(false);
            _log.Reopen();
            source = await FindSourceAsync(cancellationToken).ConfigureAwait(false);
        }

        return source;
    }

    /// <summary>Computes the lag for the gauge, on any thread. The lease holder reports the current lag, even during a long catch-up. A standby reports the lag
    /// of its last poll, with mark and applied offset from the same time.</summary>
    private long ReadLag()
    {
        if (!_lease.IsHeld)
        {
            return Volatile.Read(ref _standbyLag);
        }

        var applied = Math.Max(Volatile.Read(ref _applied), _counters.AppliedThrough);
        return Math.Max(0, _log.EstimateMark() - applied);
    }

    /// <summary>Finds the source. If the database has lost it, creates it again: the database has then lost the source's sums too.</summary>
    private async Task<LedgerSource> FindSourceAsync(CancellationToken cancellationToken)
    {
        if (await services.Retry.RunAsync(token => services.Sources.FindAsync(_logId, token), cancellationToken).ConfigureAwait(false) is { } source)
        {
            return source;
        }

        logger.LogForgotten(_name);
        return await services.Retry.RunAsync(token => services.Sources.OpenLogAsync(_logId, _name, token), cancellationToken).ConfigureAwait(false);
    }
}
