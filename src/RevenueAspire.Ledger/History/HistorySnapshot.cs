using System.Buffers.Binary;
using System.Data;
using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Text;
using Npgsql;

namespace RevenueAspire.Ledger;

/// <summary>The history as of a snapshot, for <c>verify</c> and <c>history build</c>. Not thread-safe.</summary>
public sealed class HistorySnapshot
{
    // 0 where no table of the name exists: the history was never turned on.
    private const string Exists = "select to_regclass('history_state') is not null";

    private const string State = "select kept_at is not null, retained_from is not null from history_state";

    private const string Rows =
        """
        copy (
          select user_id, u.revenue::text, h.seq, floor(extract(epoch from h.at) * 1000)::bigint, h.source_no, h.revenue::text, h.balance::text, h.events
          from users_revenue u full join event_history h using (user_id)
          order by user_id, h.seq
        ) to stdout (format binary)
        """;

    private readonly NpgsqlConnection _connection;

    private HistorySnapshot(NpgsqlConnection connection) => _connection = connection;

    /// <summary>Whether <c>history keep</c> ended it.</summary>
    public bool IsKept { get; private init; }

    /// <summary>Whether retention has removed rows.</summary>
    public bool IsCut { get; private init; }

    /// <summary>Sources by their number in the rows.</summary>
    public IReadOnlyDictionary<int, HistorySource> Sources { get; private init; } = new Dictionary<int, HistorySource>();

    /// <summary>Names of events, with their signs, by their number in the rows.</summary>
    public IReadOnlyDictionary<int, (string Name, int Sign)> Types { get; private init; } = new Dictionary<int, (string, int)>();

    /// <summary>Events that are applied and have no rows.</summary>
    public IReadOnlyList<HistoryGap> Missing { get; private init; } = [];

    /// <summary>Reads what the rows need to be understood; null where there is no history.</summary>
    internal static async Task<HistorySnapshot?> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (!await ScalarAsync<bool>(connection, Exists, cancellationToken).ConfigureAwait(false))
        {
            return null;
        }

        var (kept, cut) = (false, false);
        await using (var state = new NpgsqlCommand(State, connection))
        await using (var rows = await state.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false))
        {
            if (!await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                throw new LedgerException("history_state is empty: another program writes to this table. Run 'history drop', and 'history build' to make it again");
            }

            (kept, cut) = (rows.GetBoolean(0), rows.GetBoolean(1));
        }

        return new HistorySnapshot(connection)
        {
            IsKept = kept,
            IsCut = cut,
            Sources = (await ListAsync(
                connection, "select source_no, source_id, is_log from history_source",
                row => (Number: row.GetInt32(0), Source: new HistorySource(row.GetGuid(1), row.GetBoolean(2))), cancellationToken).ConfigureAwait(false))
                .ToDictionary(row => row.Number, row => row.Source),
            Types = (await ListAsync(
                connection, "select type_no, name, sign from history_type", row => (Number: row.GetInt32(0), Type: (row.GetString(1), row.GetInt32(2))),
                cancellationToken).ConfigureAwait(false)).ToDictionary(row => row.Number, row => row.Type),
            Missing = await ListAsync(
                connection, "select source_id, from_offset, end_offset, after_user, through_user from history_missing",
                row => new HistoryGap(row.GetGuid(0), row.GetInt64(1), row.GetInt64(2), row.GetFieldValue<byte[]>(3), row.IsDBNull(4) ? null : row.GetFieldValue<byte[]>(4)),
                cancellationToken).ConfigureAwait(false),
        };
    }

    /// <summary>Streams all users in order of user id bytes, each with its rows in order of application. A user without rows comes once.</summary>
    /// <remarks>One enumeration at a time; memory does not grow with the number of rows. User id and events are valid until the next row.</remarks>
    /// <exception cref="LedgerException">A value that this program does not write.</exception>
    public async IAsyncEnumerable<HistoryRow> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var stream = await _connection.BeginRawBinaryCopyAsync(Rows, cancellationToken).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            var isRead = false;
            try
            {
                var reader = new BinaryRows(stream);
                var fields = new (int Start, int Length)[8];
                await reader.SkipAsync(BinaryRows.HeaderBytes, cancellationToken).ConfigureAwait(false);
                while (await reader.ReadFieldCountAsync(cancellationToken).ConfigureAwait(false) > 0)
                {
                    for (var index = 0; index < fields.Length; index++)
                    {
                        fields[index] = await reader.ReadFieldAsync(cancellationToken).ConfigureAwait(false);
                    }

                    yield return Row(reader, fields);
                }

                isRead = true;
            }
            finally
            {
                if (!isRead && _connection.FullState.HasFlag(ConnectionState.Open))
                {
                    await stream.CancelAsync().ConfigureAwait(false);
                }
            }
        }
    }

    private static HistoryRow Row(BinaryRows reader, (int Start, int Length)[] fields)
    {
        BigInteger? Number(int field) => fields[field].Length < 0 ? null
            : BigInteger.TryParse(
                Encoding.UTF8.GetString(reader.Field(fields[field]).Span), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number
            : throw new LedgerException("users_revenue or event_history holds a revenue that is no integer: another program writes to this table");
        var user = reader.Field(fields[0]);
        return fields[2].Length < 0
            ? new HistoryRow(user, Number(1), null, 0, 0, 0, 0, default)
            : new HistoryRow(
                user, Number(1), BinaryPrimitives.ReadInt64BigEndian(reader.Field(fields[2]).Span), BinaryPrimitives.ReadInt64BigEndian(reader.Field(fields[3]).Span),
                BinaryPrimitives.ReadInt32BigEndian(reader.Field(fields[4]).Span), Number(5)!.Value, Number(6)!.Value, reader.Field(fields[7]));
    }

    private static async Task<T> ScalarAsync<T>(NpgsqlConnection connection, string query, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(query, connection);
        return (T)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
    }

    private static async Task<List<T>> ListAsync<T>(
        NpgsqlConnection connection, string query, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(query, connection);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var list = new List<T>();
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            list.Add(read(rows));
        }

        return list;
    }
}

/// <summary>A row of the history with its user's balance.</summary>
/// <param name="UserId">UTF-8.</param>
/// <param name="UserRevenue">The user's balance now; null: the user has no row in users_revenue.</param>
/// <param name="Seq">Place in the order of application; null: the user has no history.</param>
/// <param name="At">Server time of the first event, or the time of application, in milliseconds since 1970-01-01 UTC.</param>
/// <param name="SourceNumber">Key of <see cref="HistorySnapshot.Sources"/>.</param>
/// <param name="Revenue">Sum of the row's events.</param>
/// <param name="Balance">The user's balance after them.</param>
/// <param name="Events">For <see cref="HistoryCodec.Read"/>.</param>
public readonly record struct HistoryRow(
    ReadOnlyMemory<byte> UserId, BigInteger? UserRevenue, long? Seq, long At, int SourceNumber, BigInteger Revenue, BigInteger Balance, ReadOnlyMemory<byte> Events);

/// <summary>A source as the history knows it.</summary>
public sealed record HistorySource(Guid Id, bool IsLog);

/// <summary>Applied events without rows.</summary>
/// <param name="SourceId">The source.</param>
/// <param name="From">First offset.</param>
/// <param name="End">Exclusive.</param>
/// <param name="AfterUser">Exclusive; empty: from the first user.</param>
/// <param name="ThroughUser">Inclusive; null: to the last user.</param>
public sealed record HistoryGap(Guid SourceId, long From, long End, byte[] AfterUser, byte[]? ThroughUser)
{
    /// <summary>Whether an event is one of them.</summary>
    public bool Contains(long offset, ReadOnlySpan<byte> userId) =>
        offset >= From && offset < End && userId.SequenceCompareTo(AfterUser) > 0 && (ThroughUser is null || userId.SequenceCompareTo(ThroughUser) <= 0);
}
