using System.Diagnostics;
using Npgsql;
using RevenueAspire.Postgres;

namespace RevenueAspire.Ledger;

/// <summary>Applies a small range of a log: offsets, rejects and sums in one statement (M2).</summary>
public static class LiveApply
{
    private static readonly string Apply = Statement($"merged as (\n{DeltaBatch.Upsert(first: 8, onlyNew: false)}\n)");
    private static readonly string ApplyWithHistory = Statement(DeltaBatch.UpsertWithHistory(first: 8, history: 18, onlyNew: false));

    /// <summary>Applies a small range of a log in one statement (M2). If applied_through and claimed_through still equal <paramref name="from"/>, it moves both
    /// to <paramref name="to"/>, stores the rejects and upserts the sums.</summary>
    /// <param name="database">The ledger's database.</param>
    /// <param name="sourceId">The source.</param>
    /// <param name="from">The expected value of applied_through and claimed_through.</param>
    /// <param name="to">Exclusive end.</param>
    /// <param name="deltas">Users and sums of [from, to).</param>
    /// <param name="rejects">Rejected lines of [from, to), ascending by offset, lines counted from 0 at <paramref name="from"/>.</param>
    /// <param name="lines">Lines in [from, to).</param>
    /// <param name="events">Events in [from, to).</param>
    /// <param name="tailHash">SHA-256 of the last 4096 bytes before <paramref name="to"/>, or of all if there are fewer (M11).</param>
    /// <param name="typesHash">Fingerprint of the event types and of the parser's version that aggregated [from, to). Stored for verify.</param>
    /// <param name="tailBefore">The source's <see cref="LedgerSource.TailHash"/> that the caller compared with its own bytes (M11). The range is applied only
    /// if the ledger still has this hash. Null: no comparison.</param>
    /// <param name="history">Stores the events in the same statement; null if the ledger keeps no history.</param>
    /// <param name="cancellationToken">Cancels; the range is then applied completely or not at all, and the source shows the outcome (M6).</param>
    /// <returns>False if the offsets or the hash differ: nothing was changed. Read the source again.</returns>
    /// <exception cref="LedgerException">Another program emptied the ledger; nothing was changed.</exception>
    public static async Task<bool> TryApplyAsync(
        NpgsqlDataSource database, Guid sourceId, long from, long to, ISortedDeltas deltas, IReadOnlyList<RejectedLine> rejects, long lines, long events,
        ReadOnlyMemory<byte> tailHash, ReadOnlyMemory<byte> typesHash, ReadOnlyMemory<byte>? tailBefore, HistoryWriter? history,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(deltas);
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(to, from);
        RejectColumns.Validate(rejects);
        using var activity = LedgerTelemetry.Activities.StartActivity("apply live range");
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        var sourceNumber = history is null ? 0 : await history.SourceNumberAsync(connection, sourceId, isLog: true, cancellationToken).ConfigureAwait(false);
        var rows = history is null ? null : new HistoryRows(history, sourceNumber, isLog: true);
        var users = new DeltaBatch(rows, isWhole: true);
        users.Fill(deltas.ReadAfter([]), after: [], int.MaxValue, through: []);
        activity?.SetTag("revenue.users", users.Count);
        await using var batch = WriteBatch.Create(connection, history: history);
        var command = new NpgsqlBatchCommand(history is null ? Apply : ApplyWithHistory)
        {
            Parameters =
            {
                WriteBatch.Parameter(sourceId), WriteBatch.Parameter(from), WriteBatch.Parameter(to), WriteBatch.Parameter(lines), WriteBatch.Parameter(events),
                WriteBatch.Parameter((long)rejects.Count), WriteBatch.Bytes(tailHash),
            },
        };
        users.AddUsersTo(command.Parameters);
        RejectColumns.Add(command.Parameters, rejects, 0, rejects.Count);
        command.Parameters.Add(WriteBatch.Bytes(typesHash));
        command.Parameters.Add(
            tailBefore is { } before ? WriteBatch.Bytes(before) : new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Bytea });
        command.Parameters.Add(WriteBatch.Digits(deltas.Sum()));
        if (history is not null)
        {
            users.AddHistoryTo(command.Parameters, onlyNew: false);
        }

        batch.BatchCommands.Add(command);
        await batch.PrepareNamedAsync(cancellationToken).ConfigureAwait(false);
        var began = Stopwatch.GetTimestamp();
        var applied = await WriteBatch.ExecuteAsync(batch, cancellationToken).ConfigureAwait(false);
        LedgerTelemetry.RecordMerge(began, "live");
        return applied;
    }

    // "returning" returns the new row, so the statement subtracts the lines of this range. Conditions on the position use only columns of the updated row (M5).
    private static string Statement(string merged) =>
        $"""
        with emptied as materialized (
          select 1 where {LedgerContent.IsEmptied}
        ), moved as (
          update event_source set applied_through = $3, claimed_through = $3, lines_through = lines_through + $4, events_through = events_through + $5,
            rejects_through = rejects_through + $6, revenue_through = revenue_through + $17::text::numeric, tail_hash = $7,
            types_hash = case when $15 = types_hash or applied_through = 0 then $15 else '\x00'::bytea end
          where source_id = $1 and applied_through = $2 and claimed_through = $2 and ($16::bytea is null or tail_hash = $16)
            and not exists (select 1 from emptied)
          returning source_id, lines_through - $4 as lines_before
        ), stored as (
          insert into rejected_event (source_id, "offset", line, reason, beginning)
          select moved.source_id, l."offset", moved.lines_before + l.line + 1, l.reason, l.beginning
          from moved, unnest($11::bigint[], $12::bigint[], $13::text[], $14::text[]) as l ("offset", line, reason, beginning)
          order by l."offset"
        ), {merged}
        select case when exists (select 1 from emptied) then null else exists (select 1 from moved) end
        """;
}
