using System.Globalization;
using System.Numerics;
using Npgsql;
using NpgsqlTypes;
using RevenueAspire.Postgres;

namespace RevenueAspire.Ledger;

/// <summary>A short write: several statements in one transaction and one round trip.</summary>
/// <remarks>
/// The first statement limits the wait for locks (M12), and makes the commit synchronous (M7). If a write touches a source and its ranges, the second statement
/// locks the source. So event_source is always locked before event_range, and later statements see the commit of the previous lock holder. The result is the
/// first column of the last statement.
/// </remarks>
internal static class WriteBatch
{
    /// <summary>Limit of a write's wait for a row lock. After it, the write fails with 55P03 and is retried. Only short
    /// transactions hold such locks, so a longer wait means that a session hangs.</summary>
    public const string LockTimeout = "10s";

    /// <summary>Makes the commit synchronous (rule M7), regardless of the settings of role and database. A stricter setting stays.</summary>
    public const string CommitSynchronously = $"set_config('synchronous_commit', {Replication.DurableCommit}, true)";

    /// <summary>Limits the wait for locks in this transaction only, because a pooler may then give the session to another client.</summary>
    public const string BoundLocks = $"select set_config('lock_timeout', '{LockTimeout}', true)";

    internal const string Begin = $"{BoundLocks}, {CommitSynchronously}";

    private const string LockSource = "select from event_source where source_id = $1 for no key update";

    /// <summary>Creates a batch with the statements that precede the writing one. <paramref name="lockedSource"/> is the source to lock, or null. With
    /// <paramref name="history"/>, the history's guard accepts the transaction.</summary>
    public static NpgsqlBatch Create(NpgsqlConnection connection, Guid? lockedSource = null, HistoryWriter? history = null)
    {
        var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(new NpgsqlBatchCommand(history?.BeginDurably ?? Begin));
        if (lockedSource is { } source)
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand(LockSource) { Parameters = { Parameter(source) } });
        }

        return batch;
    }

    /// <summary>Runs the batch and returns the last statement's first column.</summary>
    /// <exception cref="LedgerException">The column is null: another program emptied the ledger, and nothing was written.</exception>
    public static Task<bool> ExecuteAsync(NpgsqlBatch batch, CancellationToken cancellationToken) =>
        ExecuteAsync(
            batch, "boolean", static rows => rows.IsDBNull(0) ? throw new LedgerException(LedgerContent.Emptied) : rows.GetBoolean(0), cancellationToken);

    /// <summary>Runs the batch and returns the last statement's first column, an offset or null.</summary>
    public static Task<long?> ExecuteOffsetAsync(NpgsqlBatch batch, CancellationToken cancellationToken) =>
        ExecuteAsync<long?>(batch, "bigint", static rows => rows.IsDBNull(0) ? null : rows.GetInt64(0), cancellationToken);

    private static async Task<T?> ExecuteAsync<T>(NpgsqlBatch batch, string type, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken)
    {
        await using var results = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        T? answer = default;
        do
        {
            // Read all results: an error of a later statement arrives after the results of the earlier ones.
            while (await results.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                answer = results.FieldCount == 1 && results.GetDataTypeName(0) == type ? read(results) : default;
            }
        }
        while (await results.NextResultAsync(cancellationToken).ConfigureAwait(false));

        return answer;
    }

    public static NpgsqlParameter<T> Parameter<T>(T value) => new() { TypedValue = value };

    /// <summary>A text parameter from UTF-8 bytes, without a conversion to string.</summary>
    public static NpgsqlParameter<ReadOnlyMemory<byte>> Text(ReadOnlyMemory<byte> utf8) => new() { TypedValue = utf8, NpgsqlDbType = NpgsqlDbType.Text };

    /// <summary>A sum of any size. Write <c>$n::text::numeric</c> in SQL.</summary>
    public static NpgsqlParameter<string> Digits(BigInteger sum) =>
        new() { TypedValue = sum.ToString(CultureInfo.InvariantCulture), NpgsqlDbType = NpgsqlDbType.Text };

    /// <summary>A text array parameter from UTF-8 bytes, without a conversion to strings.</summary>
    public static NpgsqlParameter<ReadOnlyMemory<byte>[]> Texts(ReadOnlyMemory<byte>[] utf8) =>
        new() { TypedValue = utf8, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };

    public static NpgsqlParameter<ReadOnlyMemory<byte>> Bytes(ReadOnlyMemory<byte> bytes) => new() { TypedValue = bytes, NpgsqlDbType = NpgsqlDbType.Bytea };
}
