using System.Collections.Concurrent;
using Npgsql;
using RevenueAspire.Postgres;

namespace RevenueAspire.Ledger;

/// <summary>Context with which <see cref="LiveApply"/> and <see cref="PartMerge"/> write the history of the events they apply.
/// <see cref="LedgerHistory.EnableAsync"/> creates it. Thread-safe.</summary>
/// <remarks>It caches the short numbers of names and sources. The quorum confirms a number before its first use, because Postgres reissues a number after a
/// crash that lost its commit. After the history is dropped and created again, the database refuses this writer (RV009).</remarks>
public sealed class HistoryWriter
{
    private readonly ConcurrentDictionary<Guid, int> _sources = [];
    private readonly (int Number, int Sign)[] _types;

    internal HistoryWriter(Guid historyId, (int Number, int Sign)[] types)
    {
        _types = types;
        var pass = $", set_config('revenue.history', '{historyId:D}', true)";
        (BoundLocks, BeginDurably) = (WriteBatch.BoundLocks + pass, WriteBatch.Begin + pass);
    }

    /// <summary>SQL that limits the wait for locks and makes the guard accept this transaction. Both end with the transaction, as a pooler requires.</summary>
    internal string BoundLocks { get; }

    /// <summary><see cref="BoundLocks"/>, plus a synchronous commit.</summary>
    internal string BeginDurably { get; }

    /// <summary>Numbers and signs of the event types, indexed as in <c>EventTypes.Signs</c>.</summary>
    internal ReadOnlySpan<(int Number, int Sign)> Types => _types;

    /// <summary>Returns the number of a source in <c>history_source</c>. The first call for a source creates it.</summary>
    /// <param name="connection">Open, without a transaction.</param>
    /// <param name="sourceId">The source.</param>
    /// <param name="isLog">False for a file, whose events have no time.</param>
    /// <param name="cancellationToken">Cancels; a created number stays.</param>
    /// <exception cref="UnconfirmedCommitException">A failover may lose the number: call again.</exception>
    /// <exception cref="NpgsqlException">The database failed; see <see cref="DatabaseErrors"/>.</exception>
    internal async ValueTask<int> SourceNumberAsync(NpgsqlConnection connection, Guid sourceId, bool isLog, CancellationToken cancellationToken)
    {
        if (_sources.TryGetValue(sourceId, out var known))
        {
            return known;
        }

        // The barrier makes the transaction write, so its commit also confirms a number from an earlier, unconfirmed attempt (rule R2).
        using var confirmation = new CommitConfirmation(connection);
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new(WriteBatch.BoundLocks),
                new(Replication.Barrier),
                new("insert into history_source (source_id, is_log) select $1, $2 where not exists (select from history_source where source_id = $1) "
                    + "on conflict (source_id) do nothing")
                {
                    Parameters = { WriteBatch.Parameter(sourceId), WriteBatch.Parameter(isLog) },
                },
                new("select source_no from history_source where source_id = $1") { Parameters = { WriteBatch.Parameter(sourceId) } },
            },
        };
        await using var rows = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var number = 0;
        do
        {
            while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                number = rows.FieldCount == 1 && rows.GetName(0) == "source_no" ? rows.GetInt32(0) : 0;
            }
        }
        while (await rows.NextResultAsync(cancellationToken).ConfigureAwait(false));

        confirmation.Require();
        return _sources.GetOrAdd(sourceId, number);
    }
}
