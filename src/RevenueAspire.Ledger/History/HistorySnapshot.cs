using System.Numerics;
using System.Runtime.CompilerServices;
using Npgsql;

namespace RevenueAspire.Ledger;

/// <summary>The history as of the moment of a <see cref="LedgerSnapshot"/>. Usable only while that snapshot is open. Not thread-safe.</summary>
public sealed class HistorySnapshot
{
    private readonly NpgsqlConnection _connection;

    private HistorySnapshot(NpgsqlConnection connection, HistoryState state, IReadOnlyList<MissingHistory> missing,
        IReadOnlyDictionary<int, HistorySource> sources, IReadOnlyDictionary<int, HistoryType> types) =>
        (_connection, State, Missing, Sources, Types) = (connection, state, missing, sources, types);

    /// <summary>The start of the history, its end if it has ended, and the start of the retained rows.</summary>
    public HistoryState State { get; }

    /// <summary>Applied events that have no rows.</summary>
    public IReadOnlyList<MissingHistory> Missing { get; }

    /// <summary>Sources by their number.</summary>
    public IReadOnlyDictionary<int, HistorySource> Sources { get; }

    /// <summary>Event types by their number.</summary>
    public IReadOnlyDictionary<int, HistoryType> Types { get; }

    /// <summary>Streams all users in byte order of their ids, each with its rows in the order of application.</summary>
    /// <remarks>Run one enumeration at a time, and none of the snapshot's balances during it. Memory does not grow with the number of rows.</remarks>
    /// <exception cref="LedgerException">A sum is not an integer, because another program wrote to the table.</exception>
    public async IAsyncEnumerable<HistoryUserRow> ReadUsersAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        const string Copy =
            "copy (select user_id, u.revenue::text, h.seq::text, round(extract(epoch from h.at) * 1000)::text, h.revenue::text, "
            + "h.balance::text, h.events from users_revenue u full join event_history h using (user_id) order by user_id, h.seq) to stdout (format binary)";
        var fields = new (int Start, int Length)[7];
        await foreach (var row in BinaryRows.CopyAsync(_connection, Copy, cancellationToken).ConfigureAwait(false))
        {
            for (var index = 0; index < fields.Length; index++)
            {
                fields[index] = await row.ReadFieldAsync(cancellationToken).ConfigureAwait(false);
            }

            yield return new HistoryUserRow(
                row.Field(fields[0]),
                fields[1].Length < 0 ? null : LedgerSnapshot.ParseRevenue("users_revenue", row.Field(fields[1]).Span),
                fields[2].Length < 0 ? null : new HistoryRow(
                    long.Parse(row.Field(fields[2]).Span, null), long.Parse(row.Field(fields[3]).Span, null),
                    LedgerSnapshot.ParseRevenue("event_history", row.Field(fields[4]).Span),
                    LedgerSnapshot.ParseRevenue("event_history", row.Field(fields[5]).Span), row.Field(fields[6])));
        }
    }

    /// <summary>Reads everything except the rows. Returns null if there is no history.</summary>
    internal static async Task<HistorySnapshot?> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        await LedgerHistory.FindAsync(connection, cancellationToken).ConfigureAwait(false) is { } state
            ? new HistorySnapshot(
                connection,
                state,
                await ListAsync(
                    connection,
                    "select source_id, from_offset, end_offset, after_user, through_user from history_missing order by source_id, from_offset, after_user",
                    row => new MissingHistory(
                        row.GetGuid(0), row.GetInt64(1), row.GetInt64(2), row.GetFieldValue<byte[]>(3),
                        row.IsDBNull(4) ? default(ReadOnlyMemory<byte>?) : row.GetFieldValue<byte[]>(4)),
                    cancellationToken).ConfigureAwait(false),
                (await ListAsync(
                    connection,
                    "select source_no, source_id, is_log from history_source",
                    row => (Number: row.GetInt32(0), Source: new HistorySource(row.GetGuid(1), row.GetBoolean(2))),
                    cancellationToken).ConfigureAwait(false)).ToDictionary(one => one.Number, one => one.Source),
                (await ListAsync(
                    connection,
                    "select type_no, name, sign from history_type",
                    row => (Number: row.GetInt32(0), Type: new HistoryType(row.GetString(1), row.GetInt32(2))),
                    cancellationToken).ConfigureAwait(false)).ToDictionary(one => one.Number, one => one.Type))
            : null;

    private static async Task<List<T>> ListAsync<T>(
        NpgsqlConnection connection, string sql, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var list = new List<T>();
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            list.Add(read(rows));
        }

        return list;
    }
}

/// <summary>A row of <c>event_history</c>: events of one user and one source.</summary>
/// <param name="Seq">Order of application.</param>
/// <param name="At">Milliseconds since 1970-01-01 UTC: server time of the first event; for a file the time of application.</param>
/// <param name="Revenue">Sum of the events.</param>
/// <param name="Balance">The user's balance after the events.</param>
/// <param name="Events">The encoded events; see <see cref="HistoryCodec.Read"/>. Valid until the next row.</param>
public readonly record struct HistoryRow(long Seq, long At, BigInteger Revenue, BigInteger Balance, ReadOnlyMemory<byte> Events);

/// <summary>A user and one of the user's rows.</summary>
/// <param name="UserId">UTF-8; valid until the next row.</param>
/// <param name="Revenue">The user's balance; null if the user has a history but no balance.</param>
/// <param name="Row">The row; null if the user has no history.</param>
public readonly record struct HistoryUserRow(ReadOnlyMemory<byte> UserId, BigInteger? Revenue, HistoryRow? Row);

/// <summary>Applied events of a source without rows: events at offsets in [From, End) of the users after AfterUser up to ThroughUser.</summary>
/// <param name="SourceId">The source.</param>
/// <param name="From">First offset.</param>
/// <param name="End">Exclusive end.</param>
/// <param name="AfterUser">UTF-8, exclusive; empty to start with the first user.</param>
/// <param name="ThroughUser">UTF-8, inclusive; null to end with the last user.</param>
public sealed record MissingHistory(Guid SourceId, long From, long End, ReadOnlyMemory<byte> AfterUser, ReadOnlyMemory<byte>? ThroughUser)
{
    /// <summary>Returns whether an event is one of the missing ones.</summary>
    public bool Contains(long offset, ReadOnlySpan<byte> userId) =>
        offset >= From && offset < End && userId.SequenceCompareTo(AfterUser.Span) > 0
        && (ThroughUser is not { } through || userId.SequenceCompareTo(through.Span) <= 0);
}

/// <summary>A source of the history.</summary>
/// <param name="SourceId">Its id.</param>
/// <param name="IsLog">True if its events have a time.</param>
public sealed record HistorySource(Guid SourceId, bool IsLog);

/// <summary>An event name and its sign.</summary>
/// <param name="Name">As configured.</param>
/// <param name="Sign">1 or -1.</param>
public sealed record HistoryType(string Name, int Sign);
