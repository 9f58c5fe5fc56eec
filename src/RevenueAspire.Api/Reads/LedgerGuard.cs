using RevenueAspire.Api.Hosting;
using RevenueAspire.EventLog;
using RevenueAspire.EventLog.Storage;
using RevenueAspire.Ledger;

namespace RevenueAspire.Api.Reads;

/// <summary>Compares log and ledger at start and every ten seconds. If the ledger is ahead of the log or differs from it, new events would never count, so the
/// log refuses them (rule M11). Thread-safe.</summary>
/// <remarks>
/// An unavailable database changes nothing: accepted events stay accepted, and a refusal lasts until a comparison succeeds. A log in Postgres needs no
/// comparison: each start begins another log, and an append at an unexpected offset fails.
/// </remarks>
internal sealed partial class LedgerGuard(
    EventLogWriter log, LedgerReader ledger, IServiceProvider services, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<LedgerGuard> logger)
    : StoppableService
{
    /// <summary>Maximum time that the start waits for the first comparison. After that, the API accepts events without it.</summary>
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan IntervalUnavailable = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private Task<LedgerInspection?> _inspection = Task.FromResult<LedgerInspection?>(null);
    private string? _reported;
    private volatile string? _refusal;

    /// <summary>The reason why the log accepts no event, or null.</summary>
    public string? Refusal => _refusal;

    /// <inheritdoc/>
    /// <exception cref="LedgerException">The database answers, but cannot hold the ledger.</exception>
    /// <exception cref="EventLogException">The database answers, but cannot hold the log.</exception>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        var first = CheckFirstAsync(cancellationToken);
        if (await Task.WhenAny(first, Task.Delay(StartPatience, cancellationToken)) == first)
        {
            await first;
        }

        await base.StartAsync(cancellationToken);
    }

    /// <summary>Inspects the ledger, and compares it with the log. Concurrent calls share one inspection, so that many probes use only one connection of a slow
    /// database.</summary>
    /// <returns>Null if there is no ledger yet.</returns>
    /// <exception cref="LedgerUnavailableException">The database is unavailable.</exception>
    /// <exception cref="LedgerException">The database contains something else; the message names it.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled, or the API stops.</exception>
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

    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            await Task.Delay(await CompareAsync(stoppingToken) ? Interval : IntervalUnavailable, time, stoppingToken);
        }
    }

    private async Task<LedgerInspection?> InspectAndCompareAsync()
    {
        var inspection = await ledger.InspectAsync(log.LogId, lifetime.ApplicationStopping);
        if (inspection is not null && services.GetService<FileLogStore>() is { } files)
        {
            // The ledger was read first, and the durable mark only grows. So a mark below the ledger's offset means another copy of the log.
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
            return $"The log ends at offset {mark}, but the ledger knows it up to {known}: an older copy of the log was restored, and events appended to it "
                + "would never count. Restore the newer copy, and start again";
        }

        using var reader = EventLogReader.Open(files.Directory);
        var tail = TailHash.Compute(reader.FirstOffset, source.AppliedThrough, (offset, destination) =>
        {
            var read = reader.Read(offset, destination);
            return (read.Count, read.DamagedThrough);
        });
        return tail.Length > 0 && source.TailHash.Length > 0 && !source.TailHash.Span.SequenceEqual(tail)
            ? $"The log's bytes before offset {source.AppliedThrough} differ from those that the ledger applied: another copy of the log was restored, and "
                + "events appended to it would never count. Restore the copy that was applied, and start again"
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
            // The loop retries and logs the error.
        }
    }

    /// <summary>Compares once; false when the database or the disk is unavailable.</summary>
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
            // LedgerReader has logged this.
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

    [LoggerMessage(EventIds.LogNotCompared, LogLevel.Warning, "Log and ledger could not be compared: {Reason} The API tries again.")]
    private static partial void LogNotCompared(ILogger logger, string reason);
}
