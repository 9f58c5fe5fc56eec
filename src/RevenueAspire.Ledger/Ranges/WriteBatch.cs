using System.Globalization;
using System.Numerics;
using Npgsql;
using NpgsqlTypes;
using RevenueAspire.Postgres;

namespace RevenueAspire.Ledger;

/// <summary>A short write: its statements go out together and are one transaction, in one round trip.</summary>
/// <remarks>
/// The first statement bounds the wait for locks (M12), and makes the commit a synchronous one (M7). Where a write touches ranges as well as their source, the
/// next one locks the source: event_source is always locked before event_range, and later statements then see all that the last holder of the lock committed.
/// The last statement's first column answers.
/// </remarks>
internal static class WriteBatch
{
    /// <summary>How long a write waits for a row lock before it fails with 55P03, which is retried. Locks are held for one short transaction; longer means that
    /// something is stuck.</summary>
    public const string LockTimeout = "10s";

    /// <summary>Rule M7, whatever the role or the database is set to; a stricter setting stays.</summary>
    public const string CommitSynchronously = $"set_config('synchronous_commit', {Replication.DurableCommit}, true)";

    /// <summary>Bounds the wait for locks in this transaction only: a pooler may give the session to another client after it.</summary>
    public const string BoundLocks = $"select set_config('lock_timeout', '{LockTimeout}', true)";

    internal const string Begin = $"{BoundLocks}, {CommitSynchronously}";

    private const string LockSource = "select from event_source where source_id = $1 for no key update";

    /// <summary>Makes a batch of the statements before the writing one; <paramref name="lockedSource"/> is the source to lock, if any. With
    /// <paramref name="history"/> the transaction passes the history's guard.</summary>
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
    /// <exception cref="LedgerException">It is null: the ledger was emptied, and nothing was written.</exception>
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
            // Each result is read to its end: an error of a later statement must not be missed.
            while (await results.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                answer = results.FieldCount == 1 && results.GetDataTypeName(0) == type ? read(results) : default;
            }
        }
        while (await results.NextResultAsync(cancellationToken).ConfigureAwait(false));

        return answer;
    }

    public static NpgsqlParameter<T> Parameter<T>(T value) => new() { TypedValue = value };

    /// <summary>Text given as UTF-8, without a detour over strings.</summary>
    public static NpgsqlParameter<ReadOnlyMemory<byte>> Text(ReadOnlyMemory<byte> utf8) => new() { TypedValue = utf8, NpgsqlDbType = NpgsqlDbType.Text };

    /// <summary>A sum of any size, to be written <c>$n::text::numeric</c> in SQL.</summary>
    public static NpgsqlParameter<string> Digits(BigInteger sum) =>
        new() { TypedValue = sum.ToString(CultureInfo.InvariantCulture), NpgsqlDbType = NpgsqlDbType.Text };

    /// <summary>Texts given as UTF-8, without a detour over strings.</summary>
    public static NpgsqlParameter<ReadOnlyMemory<byte>[]> Texts(ReadOnlyMemory<byte>[] utf8) =>
        new() { TypedValue = utf8, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };

    public static NpgsqlParameter<ReadOnlyMemory<byte>> Bytes(ReadOnlyMemory<byte> bytes) => new() { TypedValue = bytes, NpgsqlDbType = NpgsqlDbType.Bytea };
}
