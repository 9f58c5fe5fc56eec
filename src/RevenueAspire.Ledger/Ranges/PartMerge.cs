using System.Diagnostics;
using Npgsql;
using RevenueAspire.Postgres;

namespace RevenueAspire.Ledger;

/// <summary>Merges one part of a frozen range in batches. One statement per batch moves the part's watermark and adds the sums (M5).</summary>
public static class PartMerge
{
    /// <summary>Users per statement, unless the ledger is distributed.</summary>
    public const int DefaultBatchRows = 5_000;

    // The part's lower bound is its predecessor's upper key.
    private const string Begin =
        $"""
        with part as materialized (
          select upper_key, merged_through,
            coalesce((select l.upper_key from event_part l where l.range_id = p.range_id and l.part_index = p.part_index - 1), '') as lower_key
          from event_part p where p.range_id = $1 and p.part_index = $2
        )
        select upper_key, merged_through, lower_key,
          (select r.user_id from users_revenue r where r.user_id > (select greatest(lower_key, merged_through) from part) order by r.user_id limit 1),
          {LedgerContent.IsEmptied}, {DistributedLedger.IsDistributed}
        from part
        """;

    private const string FindSource = "select s.source_id, s.kind = 'log' from event_range r join event_source s using (source_id) where r.range_id = $1";

    private static readonly string Any = Statement($"merged as ({DeltaBatch.Upsert(first: 5, onlyNew: false)})");
    private static readonly string OnlyNew = Statement($"merged as ({DeltaBatch.Upsert(first: 5, onlyNew: true)})");
    private static readonly string AnyWithHistory = Statement(DeltaBatch.UpsertWithHistory(first: 5, history: 8, onlyNew: false));
    private static readonly string OnlyNewWithHistory = Statement(DeltaBatch.UpsertWithHistory(first: 5, history: 8, onlyNew: true));
    private static readonly string Distributed = Statement($"merged as ({DeltaBatch.Upsert(first: 5, onlyNew: false)})", looksAhead: false);

    /// <summary>Merges one part from its watermark to its upper key, in key order. Each batch is one statement and one short transaction (M5).</summary>
    /// <remarks>
    /// The method throws on any error, even if the commit of the last batch is in doubt (M6). Read the range again, and call again with the part as read. Trust
    /// its watermark even if it is lower than before: a crash of the database may undo asynchronous commits, always sums and watermark together.
    /// </remarks>
    /// <param name="database">The ledger's database.</param>
    /// <param name="rangeId">The frozen range.</param>
    /// <param name="part">The part as read. The merge starts after its watermark.</param>
    /// <param name="deltas">All users of the range.</param>
    /// <param name="batchRows">Users per statement. Null for <see cref="DefaultBatchRows"/>, or a larger default if the ledger is distributed.</param>
    /// <param name="history">Stores the users' events in the same statements; null if the ledger keeps no history.</param>
    /// <param name="cancellationToken">Cancels between statements, or leaves the running statement in doubt.</param>
    /// <returns>True if the part is merged to its upper key. False if another processor moved its watermark, or the part is gone: read the range
    /// again.</returns>
    /// <exception cref="InvalidOperationException">The users differ from those at the freeze of the part.</exception>
    /// <exception cref="LedgerException">Another program emptied the ledger; nothing was merged.</exception>
    public static async Task<bool> MergeAsync(
        NpgsqlDataSource database, Guid rangeId, RangePart part, ISortedDeltas deltas, int? batchRows, HistoryWriter? history,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(part);
        ArgumentNullException.ThrowIfNull(deltas);
        ArgumentOutOfRangeException.ThrowIfLessThan(batchRows ?? 1, 1);
        using var activity = LedgerTelemetry.Activities.StartActivity("merge part");
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        if (await BeginAsync(connection, rangeId, part, cancellationToken).ConfigureAwait(false) is not { } began)
        {
            return false;
        }

        var after = part.MergedThrough.IsEmpty ? began.LowerKey : part.MergedThrough;
        if ((!after.IsEmpty && !deltas.Contains(after.Span)) || !deltas.Contains(part.UpperKey.Span))
        {
            throw new InvalidOperationException(DeltaBatch.NotAmong);
        }

        var target = new Target(connection, rangeId, part.Index, history, default, false) { IsDistributed = began.IsDistributed };
        if (history is not null)
        {
            target = await FindSourceAsync(target, history, cancellationToken).ConfigureAwait(false);
        }

        var rows = batchRows ?? (began.IsDistributed ? DistributedLedger.DefaultBatchRows : DefaultBatchRows);
        var (merged, users) = await MergeAsync(target, part, deltas, after, rows, began.NextInTable, cancellationToken).ConfigureAwait(false);
        activity?.SetTag("revenue.users", users);
        return merged;
    }

    private static async Task<(bool Merged, long Users)> MergeAsync(
        Target target, RangePart part, ISortedDeltas deltas, ReadOnlyMemory<byte> after, int batchRows, byte[]? nextInTable,
        CancellationToken cancellationToken)
    {
        // Two batches alternate: this method builds the next one while the database works on the current one.
        var (batch, next) = (new DeltaBatch(target.CreateRows()), new DeltaBatch(target.CreateRows()));
        var users = deltas.ReadAfter(after.Span);
        var (watermark, merged, guessed) = (part.MergedThrough, 0L, !target.IsDistributed);
        batch.Fill(users, after.Span, batchRows, part.UpperKey.Span);
        while (batch.Count > 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var started = Stopwatch.GetTimestamp();
            var onlyNew = guessed && (nextInTable is null || batch.LastUser.Span.SequenceCompareTo(nextInTable) < 0);
            var statement = ExecuteAsync(target, watermark, batch, onlyNew, cancellationToken);
            try
            {
                next.Fill(users, batch.LastUser.Span, batchRows, part.UpperKey.Span);
            }
            catch
            {
                await ((Task)statement).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                throw;
            }

            var answer = await statement.ConfigureAwait(false);
            if (answer.Outcome == MergeOutcome.NotOnlyNew)
            {
                // Another processor has added one of these users since the last read, so nothing was merged. Make no further guess in this part: that
                // processor is probably still adding users to it.
                guessed = false;
                answer = await ExecuteAsync(target, watermark, batch, onlyNew: false, cancellationToken).ConfigureAwait(false);
            }

            if (answer.Outcome != MergeOutcome.Merged)
            {
                return (false, merged);
            }

            // The batch is now in the ledger, sums and watermark together.
            LedgerTelemetry.RecordMerge(started, "part");
            merged += batch.Count;
            watermark = batch.LastUser.ToArray();
            nextInTable = answer.NextInTable;
            (batch, next) = (next, batch);
        }

        return (true, merged);
    }

    private enum MergeOutcome
    {
        /// <summary>Sums and watermark are in the ledger.</summary>
        Merged,

        /// <summary>The watermark had another value; nothing was changed.</summary>
        Elsewhere,

        /// <summary>A supposedly new user has a row; nothing was changed.</summary>
        NotOnlyNew,
    }

    /// <summary>Result of a batch's statement, with the first user after the batch that had a row in the statement's snapshot.</summary>
    private readonly record struct MergeAnswer(MergeOutcome Outcome, byte[]? NextInTable);

    private static async Task<MergeAnswer> ExecuteAsync(
        Target target, ReadOnlyMemory<byte> watermark, DeltaBatch batch, bool onlyNew, CancellationToken cancellationToken)
    {
        var command = new NpgsqlBatchCommand(target.Statement(onlyNew))
        {
            Parameters =
            {
                WriteBatch.Parameter(target.RangeId), WriteBatch.Parameter(target.PartIndex), WriteBatch.Text(watermark), WriteBatch.Text(batch.LastUser),
            },
        };
        batch.AddUsersTo(command.Parameters);
        if (target.History is not null)
        {
            batch.AddHistoryTo(command.Parameters, onlyNew);
        }

        var settings = target.IsDistributed ? DistributedLedger.Begin : target.History?.BoundLocks ?? WriteBatch.BoundLocks;
        await using var merge = new NpgsqlBatch(target.Connection) { BatchCommands = { new(settings), command } };

        // Costs a round trip for the connection's first batch only. The statement is then planned once.
        await merge.PrepareNamedAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await using var rows = await merge.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await rows.NextResultAsync(cancellationToken).ConfigureAwait(false);
            await rows.ReadAsync(cancellationToken).ConfigureAwait(false);
            var answer = new MergeAnswer(
                rows.GetBoolean(0) ? MergeOutcome.Merged : MergeOutcome.Elsewhere, rows.IsDBNull(1) ? null : rows.GetFieldValue<byte[]>(1));

            // Read all results: an error of the commit arrives last.
            while (await rows.NextResultAsync(cancellationToken).ConfigureAwait(false))
            {
            }

            return answer;
        }
        catch (PostgresException exists) when (onlyNew && exists.SqlState == PostgresErrorCodes.UniqueViolation && exists.TableName == "users_revenue")
        {
            return new MergeAnswer(MergeOutcome.NotOnlyNew, null);
        }
    }

    /// <summary>State of a part before its first batch.</summary>
    private readonly record struct PartBegin(byte[] LowerKey, byte[]? NextInTable, bool IsDistributed);

    /// <summary>Reads the part's exclusive lower key, and the first user after its watermark that has a row. Returns null if the part is gone, or if its
    /// watermark differs from the one that the caller read.</summary>
    private static async Task<PartBegin?> BeginAsync(
        NpgsqlConnection connection, Guid rangeId, RangePart part, CancellationToken cancellationToken)
    {
        await using var begin = new NpgsqlCommand(Begin, connection) { Parameters = { WriteBatch.Parameter(rangeId), WriteBatch.Parameter(part.Index) } };
        await using var rows = await begin.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        if (!await rows.ReadAsync(cancellationToken).ConfigureAwait(false) || !part.MergedThrough.Span.SequenceEqual(rows.GetFieldValue<byte[]>(1)))
        {
            return null;
        }

        if (rows.GetBoolean(4))
        {
            throw new LedgerException(LedgerContent.Emptied);
        }

        if (!part.UpperKey.Span.SequenceEqual(rows.GetFieldValue<byte[]>(0)))
        {
            throw new InvalidOperationException("The part's upper key differs from the frozen one.");
        }

        return new PartBegin(rows.GetFieldValue<byte[]>(2), rows.IsDBNull(3) ? null : rows.GetFieldValue<byte[]>(3), rows.GetBoolean(5));
    }

    private static async Task<Target> FindSourceAsync(Target target, HistoryWriter history, CancellationToken cancellationToken)
    {
        Guid source;
        bool isLog;
        await using (var find = new NpgsqlCommand(FindSource, target.Connection) { Parameters = { WriteBatch.Parameter(target.RangeId) } })
        {
            await using var rows = await find.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            if (!await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                // Another processor has closed the range, so no statement will move a watermark of it.
                return target;
            }

            (source, isLog) = (rows.GetGuid(0), rows.GetBoolean(1));
        }

        var number = await history.SourceNumberAsync(target.Connection, source, isLog, cancellationToken).ConfigureAwait(false);
        return target with { SourceNumber = number, IsLog = isLog };
    }

    /// <summary>Destination of the batches.</summary>
    private sealed record Target(NpgsqlConnection Connection, Guid RangeId, int PartIndex, HistoryWriter? History, int SourceNumber, bool IsLog)
    {
        public bool IsDistributed { get; init; }

        /// <summary>A batch's rows of history; null if the ledger keeps none.</summary>
        public HistoryRows? CreateRows() => History is null ? null : new HistoryRows(History, SourceNumber, IsLog);

        /// <summary>The merging statement. A distributed ledger has one, and keeps no history.</summary>
        public string Statement(bool onlyNew) => (IsDistributed, History, onlyNew) switch
        {
            (true, _, _) => Distributed,
            (_, null, false) => Any,
            (_, null, true) => OnlyNew,
            (_, _, false) => AnyWithHistory,
            _ => OnlyNewWithHistory,
        };
    }

    // The conditions on the part use only columns of the updated row. The loser of a race waits for the row, and Postgres then evaluates these conditions
    // again: they fail, so the loser moves nothing and adds nothing.
    private static string Statement(string merged, bool looksAhead = true) =>
        $"""
        with emptied as materialized (
          select 1 where {LedgerContent.IsEmptied}
        ), moved as (
          update event_part set merged_through = $4 where range_id = $1 and part_index = $2 and merged_through = $3 and not exists (select 1 from emptied)
          returning 1
        ), {merged}
        select exists (select 1 from moved),
          {(looksAhead ? "(select r.user_id from users_revenue r where r.user_id > $4 order by r.user_id limit 1)" : "null::text")}
        """;
}
