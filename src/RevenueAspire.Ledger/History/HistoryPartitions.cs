using System.Globalization;
using Npgsql;
using RevenueAspire.Postgres;

namespace RevenueAspire.Ledger;

/// <summary>Begins the next partition of <c>event_history</c> in time, and drops expired partitions. Stateless.</summary>
/// <remarks>
/// Each partition has 2^36 values of the sequence, so the upper bits of <c>seq</c> are its number. The partition after the current one always exists, because
/// a running statement would not see a partition that is created after its start. A clock decides the length of a partition, but never the order of events.
/// </remarks>
public static class HistoryPartitions
{
    private const int NumberBits = 36;

    // The next partition begins when half of the values are used. Processors cannot use the other half before the next call of RotateAsync.
    private const long MaxRows = 1L << (NumberBits - 1);

    /// <summary>With a retention above this, a partition covers 30 days; otherwise one day.</summary>
    private static readonly TimeSpan LongRetention = TimeSpan.FromDays(60);

    private const string ReadCurrent =
        "select number, started_at, coalesce($1, clock_timestamp()), s.last_value from history_partition, history_seq s order by number desc limit 1";

    private const string MoveSequence = "select setval('history_seq', $1, false) from history_seq where last_value < $1";

    private const string FindExpired =
        """
        select number, next from (select number, lead(started_at) over (order by number) as next from history_partition) as p
        where next <= coalesce($1, clock_timestamp()) - $2 order by number limit 1
        """;

    // A long query delays the drop's lock, and merges queue up after it. So the wait is limited: the drop then fails, and the next call retries it.
    private const string BoundDrop = "set local lock_timeout = '1s'";

    /// <summary>SQL: the block of a value of <c>seq</c>, exactly as the index of <c>history.sql</c> has it.</summary>
    internal const string Block = "(seq >> 20)::integer";

    /// <summary>The largest value of <c>seq</c>: the last one whose block fits an integer. It is in partition 32,767.</summary>
    internal const long MaxSequence = ((long)int.MaxValue << 20) | ((1 << 20) - 1);

    /// <summary>Returns the first value of <c>seq</c> in a partition.</summary>
    public static long FirstSequence(int number) => (long)number << NumberBits;

    /// <summary>Returns the period that a partition covers.</summary>
    public static TimeSpan Unit(TimeSpan? retain) => TimeSpan.FromDays(retain <= LongRetention ? 1 : 30);

    /// <summary>Begins the next partition if the current one is old enough, and drops each partition whose end is older than the retention. Several processes
    /// may call it at any time. Does nothing if no history is written.</summary>
    /// <param name="database">The ledger's database. The role must own the tables.</param>
    /// <param name="retain">Minimum time to keep events; null to keep them indefinitely.</param>
    /// <param name="now">The current time; null for the database's clock.</param>
    /// <param name="cancellationToken">Cancels between steps. Each step is done completely or not at all.</param>
    /// <returns>Number of partitions begun (0 or 1) and dropped.</returns>
    /// <exception cref="PostgresException">55P03: a query is reading the partition to drop. Transient.</exception>
    /// <exception cref="NpgsqlException">The database failed; see <see cref="DatabaseErrors"/>.</exception>
    public static async Task<(int Begun, int Dropped)> RotateAsync(
        NpgsqlDataSource database, TimeSpan? retain, DateTimeOffset? now, CancellationToken cancellationToken)
    {
        if (retain is { } span)
        {
            ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(span, TimeSpan.Zero, nameof(retain));
        }

        var begun = await WhileWrittenAsync(
            database, connection => BeginNextAsync(connection, Unit(retain), now, cancellationToken), cancellationToken).ConfigureAwait(false);
        if (begun is null)
        {
            return default;
        }

        // A separate transaction after the commit of the partition. If a crash prevents it, the next call repeats it.
        await WhileWrittenAsync(
            database, connection => ExecuteAsync(connection, MoveSequence, cancellationToken, FirstSequence(begun.Value.Current)),
            cancellationToken).ConfigureAwait(false);
        var dropped = 0;
        while (retain is { } limit && await WhileWrittenAsync(
            database, connection => DropFirstAsync(connection, limit, now, cancellationToken), cancellationToken).ConfigureAwait(false) is true)
        {
            dropped++;
        }

        return (begun.Value.IsNew ? 1 : 0, dropped);
    }

    /// <summary>Creates the first partition and the one after it, and makes the first one current.</summary>
    internal static Task<int> BeginAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        ExecuteAsync(connection, $"{Create(1)} {Create(2)} insert into history_partition values (1, now());", cancellationToken);

    private static async Task<(int Current, bool IsNew)> BeginNextAsync(
        NpgsqlConnection connection, TimeSpan unit, DateTimeOffset? now, CancellationToken cancellationToken)
    {
        int current;
        DateTime time;
        await using (var read = new NpgsqlCommand(ReadCurrent, connection) { Parameters = { Time(now) } })
        {
            await using var rows = await read.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await rows.ReadAsync(cancellationToken).ConfigureAwait(false);
            (current, time) = (rows.GetInt32(0), rows.GetDateTime(2));
            if (time - rows.GetDateTime(1) < unit && rows.GetInt64(3) < FirstSequence(current) + MaxRows)
            {
                return (current, false);
            }
        }

        await ExecuteAsync(connection, Create(current + 2), cancellationToken).ConfigureAwait(false);
        await ExecuteAsync(connection, "insert into history_partition values ($1, $2)", cancellationToken, current + 1, time).ConfigureAwait(false);
        return (current + 1, true);
    }

    private static async Task<bool> DropFirstAsync(NpgsqlConnection connection, TimeSpan retain, DateTimeOffset? now, CancellationToken cancellationToken)
    {
        int number;
        DateTime next;
        await using (var find = new NpgsqlCommand(FindExpired, connection) { Parameters = { Time(now), WriteBatch.Parameter(retain) } })
        {
            await using var rows = await find.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            if (!await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                return false;
            }

            (number, next) = (rows.GetInt32(0), rows.GetDateTime(1));
        }

        await ExecuteAsync(connection, BoundDrop, cancellationToken).ConfigureAwait(false);
        await ExecuteAsync(connection, $"drop table event_history_{Text(number)}", cancellationToken).ConfigureAwait(false);
        await ExecuteAsync(connection, "delete from history_partition where number = $1", cancellationToken, number).ConfigureAwait(false);
        await ExecuteAsync(connection, "update history_state set retained_from = $1", cancellationToken, next).ConfigureAwait(false);
        return true;
    }

    /// <summary>Returns SQL that creates a table and attaches it as a partition. "create table ... partition of" would wait for all merges, and merges for
    /// it.</summary>
    private static string Create(int number) =>
        $"create table event_history_{Text(number)} (like event_history including all); alter table event_history attach partition "
        + $"event_history_{Text(number)} for values from ({FirstSequence(number).ToString(CultureInfo.InvariantCulture)}) "
        + $"to ({FirstSequence(number + 1).ToString(CultureInfo.InvariantCulture)});";

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static NpgsqlParameter Time(DateTimeOffset? now) =>
        new() { Value = now is { } time ? time.UtcDateTime : DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.TimestampTz };

    private static Task<T?> WhileWrittenAsync<T>(NpgsqlDataSource database, Func<NpgsqlConnection, Task<T>> work, CancellationToken cancellationToken)
        where T : struct =>
        LedgerHistory.InTransactionAsync<T?>(
            database,
            async (connection, state) => state is { IsEnabled: true } ? await work(connection).ConfigureAwait(false) : null,
            cancellationToken);

    private static async Task<int> ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken, params object[] values)
    {
        await using var command = new NpgsqlCommand(sql, connection).With(values);
        return await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }
}
