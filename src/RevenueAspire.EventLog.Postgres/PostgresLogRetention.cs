using Microsoft.Extensions.Logging;
using Npgsql;
using RevenueAspire.EventLog.Storage;
using RevenueAspire.Postgres;

namespace RevenueAspire.EventLog.Postgres;

/// <summary>Limits the size of a database's logs, regardless of how many processes start and end. Not thread-safe. Every process may have an
/// instance.</summary>
/// <param name="database">The database.</param>
/// <param name="options">Validated settings.</param>
/// <param name="logger">Receives the results of compactions.</param>
public sealed class PostgresLogRetention(NpgsqlDataSource database, EventLogOptions options, ILogger logger) : ILogRetention
{
    /// <summary>Time between announcing and removing keys, on the database's clock and for all processes together.</summary>
    private static readonly TimeSpan AnnouncedFor = TimeSpan.FromMinutes(2);

    /// <summary>Rows removed per statement, so that no statement takes long.</summary>
    private const int RowsAtATime = 2_000;

    /// <summary>Closed logs that this process compacted or found compact. They no longer change.</summary>
    private readonly HashSet<Guid> _compacted = [];

    /// <summary>Closed logs that were completely applied in an earlier pass.</summary>
    private readonly HashSet<Guid> _finished = [];

    public TimeSpan Interval => TimeSpan.FromSeconds(20);

    /// <summary>Closes the logs of ended processes, compacts closed logs that are applied, removes batches beyond the retention limit, and forgets old
    /// keys.</summary>
    /// <inheritdoc/>
    public async Task RemoveAppliedAsync(Func<Guid, CancellationToken, Task<long?>> findApplied, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(findApplied);
        try
        {
            await CloseEndedAsync(database, cancellationToken).ConfigureAwait(false);
            await ForgetKeysAsync(database, options.KeyWindow, cancellationToken).ConfigureAwait(false);
            var logs = await PostgresLogs.ListAsync(database, cancellationToken).ConfigureAwait(false);
            long newer = 0;
            for (var i = logs.Count - 1; i >= 0; i--)
            {
                await ReduceAsync(logs[i], findApplied, RetainedBytes(logs[i], newer), cancellationToken).ConfigureAwait(false);
                newer += logs[i].End - logs[i].FirstOffset;
            }
        }
        catch (Exception exception)
        {
            DatabaseErrors.DropConnections(database, exception);
            throw;
        }
    }

    /// <summary>Closes the logs of processes that no longer renew <c>alive_until</c>. If such a process resumes, its next append fails, and it begins another
    /// log. Closed logs without events are removed a minute later, when no process reads them.</summary>
    /// <returns>Number of logs closed.</returns>
    internal static async Task<int> CloseEndedAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            with gone as (delete from event_log where is_closed and end_offset = 0 and alive_until < now() - interval '1 minute'),
                 ended as (select log_id from event_log where not is_closed and alive_until < now() for update skip locked)
            update event_log l set is_closed = true, epoch = epoch + 1 from ended e where l.log_id = e.log_id
            """);
        return await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Removes batches that the ledger has applied completely and durably (rule L10). Their keys stay: they have a separate table.</summary>
    /// <param name="database">The database.</param>
    /// <param name="logId">The log.</param>
    /// <param name="applied">The ledger's applied offset.</param>
    /// <param name="retainBytes">Bytes to keep before the log's end.</param>
    /// <param name="cancellationToken">Stops between two statements.</param>
    /// <returns>Number of rows removed.</returns>
    internal static async Task<int> RemoveBatchesAsync(
        NpgsqlDataSource database, Guid logId, long applied, long retainBytes, CancellationToken cancellationToken)
    {
        var removed = 0;
        while (true)
        {
            // The first offset moves together with the rows, so that readers do not report removed rows as damage.
            await using var command = database.CreateCommand(
                """
                with old as (
                       select b.log_id, b.from_offset, b.to_offset from event_log_batch b join event_log l using (log_id)
                       where b.log_id = $1 and b.to_offset <= least($2, l.end_offset - $3) order by b.from_offset limit $4),
                     moved as (
                       update event_log set first_offset = (select max(to_offset) from old)
                       where log_id = $1 and first_offset < (select max(to_offset) from old) returning log_id),
                     gone as (
                       delete from event_log_batch b using old, moved
                       where b.log_id = old.log_id and b.from_offset = old.from_offset and b.to_offset = old.to_offset returning 1)
                select count(*) from gone
                """).With(logId, applied, retainBytes, RowsAtATime);
            var count = (int)(long)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
            removed += count;
            if (count < RowsAtATime)
            {
                return removed;
            }
        }
    }

    /// <summary>Forgets all idempotency keys except the newest, in two steps. It announces the new limit, and removes the keys <see cref="AnnouncedFor"/>
    /// later. During this time, a client that has read the old limit can rely on it.</summary>
    /// <param name="database">The database.</param>
    /// <param name="window">Number of keys to keep.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    internal static async Task ForgetKeysAsync(NpgsqlDataSource database, int window, CancellationToken cancellationToken)
    {
        await using (var remove = database.CreateCommand(
            "delete from event_log_key where key_number < (select keys_from from event_log_memory where announced_at < now() - $1)").With(AnnouncedFor))
        {
            await remove.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }

        // Find the oldest number to keep among the rows: failed statements use up numbers, so counting back from the newest would keep too few keys.
        await using var announce = database.CreateCommand(
            """
            update event_log_memory set keys_from = oldest.key_number, announced_at = now()
            from (select key_number from event_log_key order by key_number desc offset greatest($1 - 1, 0) limit 1) oldest
            where keys_from < oldest.key_number and announced_at < now() - $2
            """).With(window, AnnouncedFor);
        await announce.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Bytes to keep. An open log keeps its newest bytes. Closed logs share the part of the limit that newer logs do not use; otherwise each start of
    /// a process would permanently use more space.</summary>
    private long RetainedBytes(LogExtent log, long newer) =>
        options.Retention == LogRetention.Off ? long.MaxValue : log.IsClosed ? Math.Max(0, options.RetainBytes - newer) : options.RetainBytes;

    private async Task ReduceAsync(LogExtent log, Func<Guid, CancellationToken, Task<long?>> findApplied, long retainBytes, CancellationToken cancellationToken)
    {
        var isTooLong = log.End - log.FirstOffset > retainBytes;
        var mayCompact = log.IsClosed && log.FirstOffset < log.End && !_compacted.Contains(log.LogId);
        if (!(isTooLong || mayCompact) || await findApplied(log.LogId, cancellationToken).ConfigureAwait(false) is not { } applied)
        {
            return;
        }

        // No bytes follow the end of a closed log, so processors need none of its bytes for a comparison. They have one pass to notice that.
        var isFinished = log.IsClosed && applied >= log.End;
        var isAtRest = isFinished && !_finished.Add(log.LogId);
        if (isTooLong)
        {
            await RemoveBatchesAsync(database, log.LogId, isAtRest ? applied : applied - SegmentRetention.ComparedBytes, retainBytes,
                cancellationToken).ConfigureAwait(false);
        }

        if (mayCompact && isFinished)
        {
            await CompactAsync(log.LogId, applied, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task CompactAsync(Guid logId, long applied, CancellationToken cancellationToken)
    {
        try
        {
            var rows = await LogCompaction.RunAsync(database, logId, applied, cancellationToken).ConfigureAwait(false);
            _compacted.Add(logId);
            if (rows > 0)
            {
                PostgresLogMessages.Compacted(logger, logId, rows);
            }
        }
        catch (EventLogException exception)
        {
            // The damaged log stays unchanged; the other logs are still compacted.
            PostgresLogMessages.NotCompacted(logger, exception.Message);
        }
    }
}
