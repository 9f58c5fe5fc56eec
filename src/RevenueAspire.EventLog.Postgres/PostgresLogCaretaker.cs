using Microsoft.Extensions.Logging;
using Npgsql;
using RevenueAspire.EventLog.Storage;

namespace RevenueAspire.EventLog.Postgres;

/// <summary>Decides what is tidied up in the logs of a database, one pass after the other: what stays is bounded, however often processes end and others begin. Not thread-safe; any number of processes may have one.</summary>
/// <param name="database">The database.</param>
/// <param name="options">Validated settings.</param>
/// <param name="logger">Gets what was folded, and what could not be.</param>
public sealed class PostgresLogCaretaker(NpgsqlDataSource database, EventLogOptions options, ILogger logger)
{
    /// <summary>Closed logs that this process has folded or found in one piece: nothing in them changes any more.</summary>
    private readonly HashSet<Guid> _folded = [];

    /// <summary>Closed logs of which an earlier pass has found that the ledger has them to their end.</summary>
    private readonly HashSet<Guid> _finished = [];

    /// <summary>Closes the logs of processes that have ended, folds what the ledger has of them, removes what is no longer retained, and forgets old keys.</summary>
    /// <param name="findApplied">The offset through which the ledger has a log, durably; null when it does not know it.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    /// <exception cref="NpgsqlException">As Postgres gives it; the next pass goes on.</exception>
    public async Task TidyAsync(Func<Guid, CancellationToken, Task<long?>> findApplied, CancellationToken cancellationToken)
    {
        await PostgresLogCare.CloseEndedAsync(database, cancellationToken).ConfigureAwait(false);
        await PostgresLogCare.ForgetKeysAsync(database, options.KeyWindow, cancellationToken).ConfigureAwait(false);
        var logs = await PostgresLogs.ListAsync(database, cancellationToken).ConfigureAwait(false);
        long newer = 0;
        for (var i = logs.Count - 1; i >= 0; i--)
        {
            try
            {
                await TidyAsync(logs[i], findApplied, RetainedBytes(logs[i], newer), cancellationToken).ConfigureAwait(false);
            }
            catch (EventLogException exception)
            {
                // A damaged batch stays as it is; the other logs are tidied all the same.
                PostgresLogMessages.NotFolded(logger, exception.Message);
            }

            newer += logs[i].End - logs[i].FirstOffset;
        }
    }

    /// <summary>A log that is still written keeps its newest bytes; those of ended processes share what the newer ones leave of that, else each start of a process would add to it for good.</summary>
    private long RetainedBytes(LogExtent log, long newer) =>
        options.Retention == LogRetention.Off ? long.MaxValue : log.IsClosed ? Math.Max(0, options.RetainBytes - newer) : options.RetainBytes;

    private async Task TidyAsync(LogExtent log, Func<Guid, CancellationToken, Task<long?>> findApplied, long retainBytes, CancellationToken cancellationToken)
    {
        var isTooLong = log.End - log.FirstOffset > retainBytes;
        var mayFold = log.IsClosed && log.FirstOffset < log.End && !_folded.Contains(log.LogId);
        if (!(isTooLong || mayFold) || await findApplied(log.LogId, cancellationToken).ConfigureAwait(false) is not { } applied)
        {
            return;
        }

        // Nobody applies anything behind the end of a closed log, so that there is nothing to compare with; processors are given the time of a pass to see that.
        var isFinished = log.IsClosed && applied >= log.End;
        var isAtRest = isFinished && !_finished.Add(log.LogId);
        if (isTooLong)
        {
            await PostgresLogCare.RemoveAppliedAsync(database, log.LogId, isAtRest ? applied : applied - FileLogStore.ComparedBytes, retainBytes, cancellationToken).ConfigureAwait(false);
        }

        if (mayFold && isFinished)
        {
            var rows = await PostgresLogCare.FoldAsync(database, log.LogId, applied, cancellationToken).ConfigureAwait(false);
            _folded.Add(log.LogId);
            if (rows > 0)
            {
                PostgresLogMessages.Folded(logger, log.LogId, rows);
            }
        }
    }
}
