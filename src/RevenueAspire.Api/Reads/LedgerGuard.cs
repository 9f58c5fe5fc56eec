using RevenueAspire.EventLog;
using RevenueAspire.EventLog.Storage;
using RevenueAspire.Ledger;

namespace RevenueAspire.Api.Reads;

/// <summary>Compares log and ledger at start and every ten seconds. If the ledger is ahead of the log, or differs from it, the log accepts no events: they
/// would never count (rule M11). Thread-safe.</summary>
/// <remarks>
/// An unavailable database changes nothing: the API accepts events without it, and a refusal lasts until a comparison succeeds. A log in Postgres needs no
/// comparison: each start begins another log, and an append at another offset than expected fails.
/// </remarks>
internal sealed partial class LedgerGuard(
    EventLogWriter log, LedgerReader ledger, IServiceProvider services, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<LedgerGuard> logger)
        : BackgroundService
{
    /// <summary>The longest time that a start waits for the first comparison before the API accepts events.</summary>
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

    /// <summary>Inspects the ledger, and compares it with the log. Calls during an inspection share it, so that probes of a slow database take one
    /// connection.</summary>
    /// <returns>Null when there is no ledger yet.</returns>
    /// <exception cref="LedgerUnavailableException">The database is unavailable.</exception>
    /// <exception cref="LedgerException">The database holds something else; the message names it.</exception>
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
            // The API stops, as in SchemaSetup.
        }
    }

    private async Task<LedgerInspection?> InspectAndCompareAsync()
    {
        var inspection = await ledger.InspectAsync(log.LogId, lifetime.ApplicationStopping);
        if (inspection is not null && services.GetService<FileLogStore>() is { } files)
        {
            // The ledger was read first, and the mark only grows: a smaller mark means another copy of the log.
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
            // The loop tries again, and reports the error.
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
            // The reader logs it once.
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
