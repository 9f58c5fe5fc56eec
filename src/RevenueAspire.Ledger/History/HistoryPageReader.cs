using System.Globalization;
using System.Numerics;
using Npgsql;
using RevenueAspire.Postgres;

namespace RevenueAspire.Ledger;

/// <summary>Reads the rows of a page in the transaction of <see cref="HistoryQueries"/>. Stateless.</summary>
internal static class HistoryPageReader
{
    private const int MaxChunkRows = 1000;

    /// <summary>SQL: a user's rows up to a <c>seq</c>, newest first.</summary>
    /// <remarks>The index orders a user's rows by blocks, so the sort is by block first. With <see cref="SortByBlocks"/>, Postgres then sorts one block at a
    /// time, and stops at the limit.</remarks>
    internal const string Rows =
        $"""
        select seq, at, revenue::text, balance::text, case when at >= $4 and at < $5 then events end
        from event_history
        where user_id = $1 and seq <= $2 and seq >= $3
          and {HistoryPartitions.Block} <= ($2 >> 20)::integer and {HistoryPartitions.Block} >= ($3 >> 20)::integer
        order by {HistoryPartitions.Block} desc, seq desc limit $6
        """;

    /// <summary>SQL: forbids a sort of all rows of the user in this transaction. A plan for any user would expect few rows, and use it.</summary>
    internal const string SortByBlocks = "select set_config('enable_sort', 'off', true)";

    private const string Types = "select type_no, name, sign from history_type";
    private const string Logs = "select source_no, source_id from history_source where source_no = any ($1) and is_log";

    /// <summary>Reads a page; null if the request continues from a position that does not exist in this user's history.</summary>
    /// <param name="connection">In the transaction.</param>
    /// <param name="request">The page.</param>
    /// <param name="floorSeq">Rows below it are older than the requested time.</param>
    /// <param name="revenue">The user's balance.</param>
    /// <param name="retainedFrom">See <see cref="HistoryPage"/>.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="LedgerException">Another program wrote to the tables.</exception>
    public static async Task<HistoryPage?> ReadAsync(
        NpgsqlConnection connection, HistoryRequest request, long floorSeq, string revenue, DateTime? retainedFrom, CancellationToken cancellationToken)
    {
        var page = new HistoryPageBuilder(request, await ReadTypesAsync(connection, cancellationToken).ConfigureAwait(false));
        await ReadRowsAsync(connection, request, floorSeq, page, cancellationToken).ConfigureAwait(false);
        return page.IsAfterUnknown ? null
            : page.Build(revenue, retainedFrom, await ReadLogsAsync(connection, page.LogNumbers, cancellationToken).ConfigureAwait(false));
    }

    private static async Task<Dictionary<int, HistoryType>> ReadTypesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection) { BatchCommands = { new(SortByBlocks), new(Types) } };
        await batch.PrepareNamedAsync(cancellationToken).ConfigureAwait(false);
        await using var rows = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await rows.NextResultAsync(cancellationToken).ConfigureAwait(false);
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
        for (var (scanned, chunk) = (0, Math.Min(64, request.Limit + 2)); scanned < HistoryQueries.MaxScannedRows; chunk = Math.Min(chunk * 4, MaxChunkRows))
        {
            chunk = Math.Min(chunk, HistoryQueries.MaxScannedRows - scanned);
            await using var command = new NpgsqlCommand(Rows, connection)
            {
                Parameters =
                {
                    WriteBatch.Parameter(request.UserId), WriteBatch.Parameter(through), WriteBatch.Parameter(floor),
                    HistoryQueries.Time(page.RowsFrom), HistoryQueries.Time(page.RowsTo), WriteBatch.Parameter(chunk),
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

    private static BigInteger Parse(string digits) =>
        BigInteger.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var sum) ? sum
            : throw new LedgerException("event_history contains a sum that is not an integer: another program writes to this table");
}
