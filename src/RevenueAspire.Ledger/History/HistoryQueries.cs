using System.Data;
using System.Globalization;
using System.Numerics;
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

    private const int MaxChunkRows = 1000;

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

    // The index orders a user's rows by blocks, so the sort is by block first: Postgres then sorts one block at a time, and stops at the limit.
    private const string Rows =
        """
        select seq, at, revenue::text, balance::text, case when at >= $4 and at < $5 then events end
        from event_history
        where user_id = $1 and seq <= $2 and seq >= $3 and (seq >> 20)::integer <= ($2 >> 20)::integer and (seq >> 20)::integer >= ($3 >> 20)::integer
        order by (seq >> 20)::integer desc, seq desc limit $6
        """;

    private const string Types = "select type_no, name, sign from history_type";
    private const string Logs = "select source_no, source_id from history_source where source_no = any ($1) and is_log";

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
        return ReadAsync(
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

                var page = new HistoryPageBuilder(request, await ReadTypesAsync(connection, cancellationToken).ConfigureAwait(false));
                await ReadRowsAsync(connection, request, state.FloorSeq, page, cancellationToken).ConfigureAwait(false);
                if (page.IsAfterUnknown)
                {
                    return new(null, HistoryRefusal.AfterUnknown);
                }

                var logs = await ReadLogsAsync(connection, page.LogNumbers, cancellationToken).ConfigureAwait(false);
                return new HistoryResult<HistoryPage>(page.Build(state.Revenue, state.RetainedFrom, logs));
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

    private static async Task<Dictionary<int, HistoryType>> ReadTypesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Types, connection);
        await command.PrepareNamedAsync(cancellationToken).ConfigureAwait(false);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var types = new Dictionary<int, HistoryType>();
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            types.Add(rows.GetInt32(0), new HistoryType(rows.GetString(1), rows.GetInt32(2)));
        }

        return types;
    }

    /// <summary>Reads rows in growing chunks. A row has 1 to 256 events, so the number of rows for a page is unknown.</summary>
    private static async Task ReadRowsAsync(
        NpgsqlConnection connection, HistoryRequest request, long floorSeq, HistoryPageBuilder page, CancellationToken cancellationToken)
    {
        var through = Math.Min(request.After?.Seq ?? long.MaxValue, HistoryPartitions.MaxSequence);
        var floor = Math.Min(floorSeq, through);
        for (var (scanned, chunk) = (0, Math.Min(64, request.Limit + 2)); scanned < MaxScannedRows; chunk = Math.Min(chunk * 4, MaxChunkRows))
        {
            chunk = Math.Min(chunk, MaxScannedRows - scanned);
            await using var command = new NpgsqlCommand(Rows, connection)
            {
                Parameters =
                {
                    WriteBatch.Parameter(request.UserId), WriteBatch.Parameter(through), WriteBatch.Parameter(floor),
                    Time(page.RowsFrom), Time(page.RowsTo), WriteBatch.Parameter(chunk),
                },
            };
            await command.PrepareNamedAsync(cancellationToken).ConfigureAwait(false);
            await using var rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            var read = 0;
            for (; await rows.ReadAsync(cancellationToken).ConfigureAwait(false); read++)
            {
                through = rows.GetInt64(0) - 1;
                var row = new HistoryPageRow(
                    rows.GetInt64(0), rows.GetDateTime(1), Parse(rows.GetString(2)), Parse(rows.GetString(3)),
                    rows.IsDBNull(4) ? null : rows.GetFieldValue<byte[]>(4));
                if (!page.Add(row))
                {
                    return;
                }
            }

            scanned += read;
            if (read < chunk)
            {
                page.EndOfRows();
                return;
            }
        }
    }

    private static async Task<Dictionary<int, Guid>> ReadLogsAsync(NpgsqlConnection connection, int[] numbers, CancellationToken cancellationToken)
    {
        var logs = new Dictionary<int, Guid>();
        if (numbers.Length == 0)
        {
            return logs;
        }

        await using var command = new NpgsqlCommand(Logs, connection) { Parameters = { WriteBatch.Parameter(numbers) } };
        await command.PrepareNamedAsync(cancellationToken).ConfigureAwait(false);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            logs.Add(rows.GetInt32(0), rows.GetGuid(1));
        }

        return logs;
    }

    private static NpgsqlParameter<DateTime> Time(DateTime time) => new()
    {
        TypedValue = DateTime.SpecifyKind(time, DateTimeKind.Utc),
        NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.TimestampTz,
    };

    private static string NameOf(HistoryStep step) => step switch { HistoryStep.Hour => "hour", HistoryStep.Day => "day", _ => "month" };

    private static BigInteger Parse(string digits) =>
        BigInteger.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var sum) ? sum
            : throw new LedgerException("event_history holds a sum that is no integer: another program writes to this table");

    /// <param name="Revenue">The user's balance; null if there is no such user.</param>
    /// <param name="FirstSeq">The first value of the oldest partition.</param>
    /// <param name="RetainedFrom">The start of the oldest partition; null if retention has dropped none.</param>
    /// <param name="FloorSeq">Rows below it are older than the requested time.</param>
    private sealed record Moment(string? Revenue, long FirstSeq, DateTime? RetainedFrom, long FloorSeq);
}
