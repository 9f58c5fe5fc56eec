using System.Data;
using System.Globalization;
using Npgsql;
using RevenueAspire.Postgres;

namespace RevenueAspire.Ledger;

/// <summary>Reads the history for the API. Thread-safe.</summary>
/// <remarks>
/// Each query is one REPEATABLE READ transaction, so the revenue matches the newest event while processors apply events. Methods throw
/// <see cref="NpgsqlException"/> if the database fails; see <see cref="DatabaseErrors"/>.
/// </remarks>
public sealed class HistoryQueries(NpgsqlDataSource database)
{
    /// <summary>Maximum number of a user's rows that one page reads, regardless of its filter.</summary>
    public const int MaxScannedRows = 10_000;

    // Taken before the snapshot, so that no partition is dropped during the query: the query's older snapshot would show a gap.
    private const string Lock = "lock table event_history in access share mode";

    // An event is applied after its time, apart from the difference of two clocks. The query allows one day for it. Partition 0 contains events of any time.
    private const string State =
        """
        select s.kept_at is null, s.retained_from, (select coalesce(min(p.number), 0) from history_partition p),
          (select coalesce(max(f.number), 0) from history_partition f where f.number > 0 and f.started_at <= $1 - interval '1 day'),
          (select u.revenue::text from users_revenue u where u.user_id = $2)
        from history_state s
        """;

    // The query uses one process, so a scan of all users takes at most one core from merges.
    private const string Bounds = "select set_config('statement_timeout', $1, true), set_config('max_parallel_workers_per_gather', '0', true)";

    private const string Sums = "select date_trunc($1, at, 'UTC'), sum(revenue)::text from event_history where at >= $2 and at < $3 and seq >= $4";
    private const string SumsOfAll = $"{Sums} group by 1";
    private const string SumsOfUser = $"{Sums} and user_id = $5 group by 1";

    /// <summary>Returns whether processors write a history now.</summary>
    public async Task<bool> IsKeptAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        if (!await ExistsAsync(connection, cancellationToken).ConfigureAwait(false))
        {
            return false;
        }

        await using var state = new NpgsqlCommand("select kept_at is null from history_state", connection);
        try
        {
            return await state.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) is true;
        }
        catch (PostgresException removed) when (removed.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            return false;
        }
    }

    /// <summary>Reads a page of a user's history. It reads at most <see cref="MaxScannedRows"/> rows, so a page may be short.</summary>
    /// <exception cref="LedgerException">Another program wrote to the tables.</exception>
    public Task<HistoryResult<HistoryPage>> ReadPageAsync(HistoryRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentOutOfRangeException.ThrowIfLessThan(request.Limit, 1);
        return ReadAsync<HistoryPage>(
            request.UserId, request.From, request.To,
            async (connection, state) =>
            {
                if (state.Revenue is null)
                {
                    return new(null, HistoryRefusal.UnknownUser);
                }

                if (request.After is { } after && after.Seq < state.FirstSeq)
                {
                    return new(null, HistoryRefusal.AfterDropped, state.RetainedFrom);
                }

                var page = await HistoryPageReader.ReadAsync(connection, request, state.FloorSeq, state.Revenue, state.RetainedFrom, cancellationToken)
                    .ConfigureAwait(false);
                return new(page, page is null ? HistoryRefusal.AfterUnknown : HistoryRefusal.None);
            },
            cancellationToken);
    }

    /// <summary>Sums the events per time step. The time of an event is its server time; for a file, the time of application.</summary>
    /// <param name="userId">A user; null for all users.</param>
    /// <param name="from">Start of a step (UTC).</param>
    /// <param name="to">Start of a later step (UTC).</param>
    /// <param name="step">The length of a step.</param>
    /// <param name="limit">Time limit of the query; at least one millisecond.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public Task<HistoryResult<HistorySums>> ReadSumsAsync(
        string? userId, DateTime from, DateTime to, HistoryStep step, TimeSpan limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, TimeSpan.FromMilliseconds(1));
        return ReadAsync<HistorySums>(
            userId, from, to,
            async (connection, state) =>
            {
                if (userId is not null && state.Revenue is null)
                {
                    return new(null, HistoryRefusal.UnknownUser);
                }

                var sums = new NpgsqlBatchCommand(userId is null ? SumsOfAll : SumsOfUser)
                {
                    Parameters = { WriteBatch.Parameter(NameOf(step)), Time(from), Time(to), WriteBatch.Parameter(state.FloorSeq) },
                };
                if (userId is not null)
                {
                    sums.Parameters.Add(WriteBatch.Parameter(userId));
                }

                await using var batch = new NpgsqlBatch(connection)
                {
                    BatchCommands =
                    {
                        new(Bounds) { Parameters = { WriteBatch.Parameter(((long)limit.TotalMilliseconds).ToString(CultureInfo.InvariantCulture)) } },
                        sums,
                    },
                    Timeout = (int)limit.TotalSeconds + 5,
                };
                try
                {
                    await using var rows = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
                    await rows.NextResultAsync(cancellationToken).ConfigureAwait(false);
                    var found = new Dictionary<DateTime, string>();
                    while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
                    {
                        found.Add(rows.GetDateTime(0), rows.GetString(1));
                    }

                    return new(new HistorySums(found, state.RetainedFrom));
                }
                catch (PostgresException slow) when (slow.SqlState == PostgresErrorCodes.QueryCanceled && !cancellationToken.IsCancellationRequested)
                {
                    return new(null, HistoryRefusal.TooLong);
                }
            },
            cancellationToken);
    }

    private async Task<HistoryResult<T>> ReadAsync<T>(
        string? userId, DateTime? from, DateTime? to, Func<NpgsqlConnection, Moment, Task<HistoryResult<T>>> read, CancellationToken cancellationToken)
        where T : class
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);

        // Run outside of the transaction, because a query of the catalog would take the snapshot before the lock.
        if (!await ExistsAsync(connection, cancellationToken).ConfigureAwait(false))
        {
            return new(null, HistoryRefusal.NotKept);
        }

        try
        {
            await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken).ConfigureAwait(false);
            if (await ReadStateAsync(connection, userId, from, cancellationToken).ConfigureAwait(false) is not { } state)
            {
                return new(null, HistoryRefusal.NotKept);
            }

            if (from < state.RetainedFrom || to <= state.RetainedFrom)
            {
                return new(null, from < state.RetainedFrom ? HistoryRefusal.FromDropped : HistoryRefusal.ToDropped, state.RetainedFrom);
            }

            // The transaction only reads, so disposing it is enough after success and failure.
            return await read(connection, state).ConfigureAwait(false);
        }
        catch (PostgresException removed) when (removed.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            // Another session has removed the history since the query of the catalog.
            return new(null, HistoryRefusal.NotKept);
        }
    }

    private static async Task<bool> ExistsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select to_regclass('history_state') is not null", connection);
        return await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) is true;
    }

    /// <summary>Reads the state without a prepared statement, because preparing would take the snapshot before the lock.</summary>
    private static async Task<Moment?> ReadStateAsync(NpgsqlConnection connection, string? userId, DateTime? from, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands = { new(Lock), new(State) { Parameters = { Time(from ?? DateTime.MinValue), WriteBatch.Parameter(userId ?? "") } } },
        };
        await using var rows = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        if (!await rows.ReadAsync(cancellationToken).ConfigureAwait(false) || !rows.GetBoolean(0))
        {
            return null;
        }

        return new Moment(
            rows.IsDBNull(4) ? null : rows.GetString(4),
            HistoryPartitions.FirstSequence(rows.GetInt32(2)),
            rows.IsDBNull(1) ? null : rows.GetDateTime(1),
            from is null ? 0 : HistoryPartitions.FirstSequence(rows.GetInt32(3)));
    }

    internal static NpgsqlParameter<DateTime> Time(DateTime time) => new()
    {
        TypedValue = DateTime.SpecifyKind(time, DateTimeKind.Utc),
        NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.TimestampTz,
    };

    private static string NameOf(HistoryStep step) => step switch { HistoryStep.Hour => "hour", HistoryStep.Day => "day", _ => "month" };

    /// <param name="Revenue">The user's balance; null if there is no such user.</param>
    /// <param name="FirstSeq">The first value of the oldest partition.</param>
    /// <param name="RetainedFrom">The start of the oldest partition; null if retention has dropped none.</param>
    /// <param name="FloorSeq">Rows below it are older than the requested time.</param>
    private sealed record Moment(string? Revenue, long FirstSeq, DateTime? RetainedFrom, long FloorSeq);
}
