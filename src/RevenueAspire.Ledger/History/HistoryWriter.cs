using System.Collections.Concurrent;
using Npgsql;
using RevenueAspire.Postgres;

namespace RevenueAspire.Ledger;

/// <summary>Lets <see cref="LiveApply"/> and <see cref="PartMerge"/> write the history of the events they apply. Made by
/// <see cref="LedgerHistory.EnableAsync"/>. Thread-safe.</summary>
/// <remarks>It knows numbers that the database gave to names and sources. They were committed by a quorum before their first use, since Postgres gives a number
/// again after a crash that lost its commit. A history that was dropped and made again refuses the writer (RV009).</remarks>
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

    /// <summary>SQL: bounds the wait for locks, and lets this transaction pass the guard. Both end with the transaction, as a pooler demands.</summary>
    internal string BoundLocks { get; }

    /// <summary>SQL: the same, with a synchronous commit.</summary>
    internal string BeginDurably { get; }

    /// <summary>Numbers and signs of the event types, by their index in <c>EventTypes.Signs</c>.</summary>
    internal ReadOnlySpan<(int Number, int Sign)> Types => _types;

    /// <summary>Number of a source in <c>history_source</c>; makes one at the first call for a source.</summary>
    /// <param name="connection">Open, without a transaction.</param>
    /// <param name="sourceId">The source.</param>
    /// <param name="isLog">False for a file, whose events have no time.</param>
    /// <param name="cancellationToken">Cancels; a number that was made stays.</param>
    /// <exception cref="UnconfirmedCommitException">The number may be lost in a failover: call again.</exception>
    /// <exception cref="NpgsqlException">As Postgres gives it; see <see cref="DatabaseErrors"/>.</exception>
    internal async ValueTask<int> SourceNumberAsync(NpgsqlConnection connection, Guid sourceId, bool isLog, CancellationToken cancellationToken)
    {
        if (_sources.TryGetValue(sourceId, out var known))
        {
            return known;
        }

        // The barrier makes the transaction write, so that a number which an unconfirmed attempt made is confirmed with it (rule R2).
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
