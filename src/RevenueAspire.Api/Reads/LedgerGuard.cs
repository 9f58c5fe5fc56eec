using RevenueAspire.EventLog;
using RevenueAspire.EventLog.Storage;
using RevenueAspire.Ledger;

namespace RevenueAspire.Api.Reads;

/// <summary>Compares log and ledger, at start and then every ten seconds: a log that the ledger is ahead of, or differs from, takes no events, since they
/// would never count (rule M11). Thread-safe.</summary>
/// <remarks>
/// An unavailable database changes nothing: the API accepts events without it, and a refusal stands until a comparison ends it. A log in Postgres needs no
/// comparison: each start begins another log, and an append to one that is not where it was fails.
/// </remarks>
internal sealed partial class LedgerGuard(
    EventLogWriter log, LedgerReader ledger, IServiceProvider services, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<LedgerGuard> logger)
        : BackgroundService
{
    /// <summary>How long a start waits for the first comparison, before the first event can be accepted.</summary>
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan IntervalUnavailable = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private Task<LedgerInspection?> _inspection = Task.FromResult<LedgerInspection?>(null);
    private string? _reported;
    private volatile string? _refusal;

    /// <summary>Why no event is accepted, or null.</summary>
    public string? Refusal => _refusal;

    /// <inheritdoc/>
    /// <exception cref="LedgerException">The database answers, and cannot hold the ledger.</exception>
    /// <exception cref="EventLogException">The database answers, and cannot hold the log that is kept there.</exception>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        var first = CheckFirstAsync(cancellationToken);
        if (await Task.WhenAny(first, Task.Delay(StartPatience, cancellationToken)) == first)
        {
            await first;
        }

        await base.StartAsync(cancellationToken);
    }

    /// <summary>Inspects the ledger, and compares it with the log. One inspection at a time: calls during an inspection share it, so that probes of a slow
    /// database take one connection.</summary>
    /// <returns>Null where there is no ledger yet.</returns>
    /// <exception cref="LedgerUnavailableException">The database cannot be asked now.</exception>
    /// <exception cref="LedgerException">The database holds something else; the message says what.</exception>
    /// <exception cref="OperationCanceledException">This call was cancelled, or the API stops.</exception>
    public Task<LedgerInspection?> CheckAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_inspection.IsCompleted)
            {
                _inspection = Task.Run(InspectAndCompareAsync, CancellationToken.None);
            }

            return _inspection.WaitAsync(cancellationToken);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                await Task.Delay(await CompareAsync(stoppingToken) ? Interval : IntervalUnavailable, time, stoppingToken);
            }
        }
        catch (Exception exception) when (stoppingToken.IsCancellationRequested || exception is OperationCanceledException or ObjectDisposedException)
        {
            // The end of the API, as in SchemaSetup.
        }
    }

    private async Task<LedgerInspection?> InspectAndCompareAsync()
    {
        var inspection = await ledger.InspectAsync(log.LogId, lifetime.ApplicationStopping);
        if (inspection is not null && services.GetService<FileLogStore>() is { } files)
        {
            // The ledger was read first: the mark only grows, so it cannot be behind for a reason of time.
            _refusal = inspection.Source is null ? null : Compare(files, inspection.Source);
            log.Refuse(_refusal);
        }

        return inspection;
    }

    private static string? Compare(FileLogStore files, LedgerSource source)
    {
        var mark = files.DurableMark;
        if (Math.Max(source.ClaimedThrough, source.AppliedThrough) is var known && known > mark)
        {
            return $"The log ends at offset {mark}, but the ledger knows it through {known}: an older copy of the log was restored, and events appended to it "
                + "would never count. Put the newer copy back and start again";
        }

        using var reader = EventLogReader.Open(files.Directory);
        var tail = TailHash.Compute(reader.FirstOffset, source.AppliedThrough, (offset, destination) =>
        {
            var read = reader.Read(offset, destination);
            return (read.Count, read.DamagedThrough);
        });
        return tail.Length > 0 && source.TailHash.Length > 0 && !source.TailHash.Span.SequenceEqual(tail)
            ? $"The log's bytes before offset {source.AppliedThrough} are not the ones that the ledger has applied: another copy of the log was restored, and "
                + "events appended to it would never count. Put the applied one back and start again"
            : null;
    }

    private async Task CheckFirstAsync(CancellationToken cancellationToken)
    {
        try
        {
            await CheckAsync(cancellationToken);
            await log.CheckAsync(cancellationToken).WaitAsync(LedgerReader.ReadTimeout, cancellationToken);
        }
        catch (Exception exception) when (exception is not (LedgerException or EventLogException or OperationCanceledException))
        {
            // Tried again by the loop, which reports it.
        }
    }

    /// <summary>One comparison; false when the database or the disk could not be asked.</summary>
    private async Task<bool> CompareAsync(CancellationToken stoppingToken)
    {
        try
        {
            var inspection = await CheckAsync(stoppingToken);
            Report(_refusal ?? inspection?.State.Fault);
            return inspection is not null;
        }
        catch (LedgerException refusal)
        {
            Report(refusal.Message);
            return true;
        }
        catch (LedgerUnavailableException)
        {
            // Logged by the reader, once.
            return false;
        }
        catch (Exception exception) when (exception is not (OperationCanceledException or ObjectDisposedException))
        {
            LogNotCompared(logger, exception.Message);
            return false;
        }
    }

    private void Report(string? fault)
    {
        if (fault is not null && fault != _reported)
        {
            LogFault(logger, fault);
        }

        _reported = fault;
    }

    [LoggerMessage(EventIds.LedgerWrong, LogLevel.Critical, "THE LEDGER IS WRONG: {Fault}.")]
    private static partial void LogFault(ILogger logger, string fault);

    [LoggerMessage(EventIds.LogNotCompared, LogLevel.Warning, "Log and ledger could not be compared: {Reason} It is tried again.")]
    private static partial void LogNotCompared(ILogger logger, string reason);
}
