using System.Data;
using Npgsql;
using RevenueAspire.EventLog.Postgres.Reading;
using RevenueAspire.EventLog.Postgres.Writing;
using RevenueAspire.Postgres;

namespace RevenueAspire.EventLog.Postgres;

/// <summary>Reads a log in Postgres, also while it is being written. Thread-safe.</summary>
/// <remarks>The rows of a log commit in the order of their offsets, each together with the log's end. So all rows before the end are visible. Memory: the
/// latest batches, up to 32 MB plus one batch.</remarks>
public sealed class PostgresLogReader : ILogReader
{
    private const long CacheBytes = 32 << 20;

    /// <summary>Log bytes per query.</summary>
    private const long WindowBytes = 1 << 20;

    /// <summary>Maximum wait for the standbys before the reader reports them as unavailable.</summary>
    private const int ConfirmSeconds = 2;

    private const string Columns = "from_offset, to_offset, encoding, crc, bytes";

    private readonly NpgsqlDataSource? _database;
    private readonly NpgsqlConnection? _snapshot;
    private readonly bool _ownsSnapshot;
    private readonly Lock _gate = new();
    private readonly BatchCache _cache = new(CacheBytes);
    private long _firstOffset;
    private long _end;

    private PostgresLogReader(NpgsqlDataSource? database, NpgsqlConnection? snapshot, Guid logId, bool ownsSnapshot = true)
    {
        _database = database;
        _snapshot = snapshot;
        _ownsSnapshot = ownsSnapshot;
        LogId = logId;
        Name = $"log {logId:N} in Postgres";
    }

    /// <summary>The log's id.</summary>
    public Guid LogId { get; }

    /// <summary>Name of the log, as text for people.</summary>
    public string Name { get; }

    /// <summary>First offset still kept, as of the latest query of the log's end.</summary>
    public long FirstOffset => Volatile.Read(ref _firstOffset);

    /// <summary>Opens a log for reading, even if its process has ended.</summary>
    /// <exception cref="EventLogException">The database has no such log.</exception>
    /// <exception cref="IOException">The database cannot be queried now.</exception>
    public static PostgresLogReader Open(NpgsqlDataSource database, Guid logId)
    {
        ArgumentNullException.ThrowIfNull(database);
        return Open(new PostgresLogReader(database, null, logId));
    }

    /// <summary>Opens a log in a snapshot, in which batches removed later stay readable. Holds one connection until disposed.</summary>
    /// <param name="database">The database.</param>
    /// <param name="snapshot">Result of <c>pg_export_snapshot()</c>, from a transaction that is still open.</param>
    /// <param name="logId">The log.</param>
    /// <inheritdoc cref="Open(NpgsqlDataSource, Guid)"/>
    public static PostgresLogReader OpenSnapshot(NpgsqlDataSource database, string snapshot, Guid logId)
    {
        ArgumentNullException.ThrowIfNull(database);
        ArgumentNullException.ThrowIfNull(snapshot);
        NpgsqlConnection? connection = null;
        try
        {
            connection = database.OpenConnection();

            // The statement takes no parameter for the name, so drop all characters that Postgres does not use in such names.
            using var begin = new NpgsqlCommand(
                "begin isolation level repeatable read read only; set transaction snapshot "
                + $"'{string.Concat(snapshot.Where(letter => char.IsAsciiHexDigit(letter) || letter == '-'))}'; "
                + "set local idle_in_transaction_session_timeout = 0", connection);
            begin.ExecuteNonQuery();
        }
        catch (Exception exception) when (PostgresLogErrors.IsOfDatabase(exception))
        {
            connection?.Dispose();
            throw new IOException($"log {logId:N} in Postgres: {PostgresLogErrors.Describe(exception)}", exception);
        }

        return Open(new PostgresLogReader(null, connection, logId));
    }

    /// <summary>Opens a log within the caller's transaction, so that it needs no second connection while the first is held. The caller keeps ownership of the
    /// connection.</summary>
    /// <inheritdoc cref="Open(NpgsqlDataSource, Guid)"/>
    internal static PostgresLogReader OpenWithin(NpgsqlConnection connection, Guid logId) =>
        Open(new PostgresLogReader(null, connection, logId, ownsSnapshot: false));

    /// <summary>Reads the log's end from the database. With synchronous standbys, returns only an end that their quorum has.</summary>
    /// <remarks>A commit whose wait for the standbys was cancelled is visible, but after a failover the new primary may have other bytes at its offsets. The
    /// ledger must never apply them (rule R1). A snapshot needs no quorum, because it reads log and ledger from the same server.</remarks>
    /// <exception cref="EventLogException">The log no longer exists.</exception>
    /// <exception cref="IOException">The database cannot be queried now, or its standbys have not confirmed the log's end.</exception>
    public long ReadDurableMark()
    {
        lock (_gate)
        {
            return Query(connection =>
            {
                var (first, end, hasStandbys) = FindBounds(connection);
                if (end > _end && hasStandbys && _snapshot is null && !IsConfirmed(connection))
                {
                    throw new IOException("the synchronous standbys have not confirmed the end of the log");
                }

                Volatile.Write(ref _firstOffset, first);
                return _end = end;
            });
        }
    }

    private (long First, long End, bool HasStandbys) FindBounds(NpgsqlConnection connection)
    {
        using var command = new NpgsqlCommand(
            "select first_offset, end_offset, current_setting('synchronous_standby_names') <> '' from event_log where log_id = $1", connection).With(LogId);
        using var rows = command.ExecuteReader(CommandBehavior.SingleRow);
        return rows.Read()
            ? (rows.GetInt64(0), rows.GetInt64(1), rows.GetBoolean(2))
            : throw new EventLogException($"{Name}: the database no longer has this log: it was replaced, or restored to an earlier state");
    }

    /// <summary>Whether a commit after all visible commits reached its quorum. A time-out ends only the wait of this empty commit.</summary>
    private static bool IsConfirmed(NpgsqlConnection connection)
    {
        using var confirmation = new CommitConfirmation(connection);
        using var barrier = new NpgsqlCommand(Replication.Barrier, connection) { CommandTimeout = ConfirmSeconds };
        barrier.ExecuteNonQuery();
        return !confirmation.IsMissing;
    }

    /// <summary>Copies bytes from a log offset, never past the end.</summary>
    /// <param name="offset">From <see cref="FirstOffset"/> to the end.</param>
    /// <param name="destination">Filled up to the end, the first damage, or one megabyte.</param>
    /// <exception cref="EventLogException">The offset is outside the log, or the log no longer exists.</exception>
    /// <exception cref="IOException">The database cannot be queried now.</exception>
    public LogRead Read(long offset, Span<byte> destination)
    {
        lock (_gate)
        {
            if (offset >= _end)
            {
                ReadDurableMark();
            }

            if (offset < FirstOffset || offset > _end)
            {
                throw new EventLogException($"{Name}: offset {offset} is outside the log, which contains offsets {FirstOffset} to {_end}");
            }

            if (offset == _end)
            {
                return default;
            }

            var copied = 0;
            while (copied < destination.Length && offset + copied < _end)
            {
                var at = offset + copied;
                if ((_cache.Find(at) ?? Load(at, at + Math.Min(WindowBytes, destination.Length - copied))) is not { } batch)
                {
                    // Retention may have removed the batch since the last query.
                    ReadDurableMark();
                    return copied > 0 ? new LogRead(copied, 0, null)
                        : at < FirstOffset ? throw new EventLogException($"{Name}: retention has removed offset {at}")
                        : new LogRead(0, NextAfter(at), "the batch at this offset is missing");
                }

                if (batch.Damage is not null)
                {
                    return copied > 0 ? new LogRead(copied, 0, null) : new LogRead(0, batch.To, batch.Damage);
                }

                var piece = batch.Bytes.AsSpan((int)(at - batch.From));
                piece = piece[..Math.Min(piece.Length, destination.Length - copied)];
                piece.CopyTo(destination[copied..]);
                copied += piece.Length;
            }

            return new LogRead(copied, 0, null);
        }
    }

    public void Dispose()
    {
        // Disposing of it ends its transaction. Other connections are held only per query.
        if (_ownsSnapshot)
        {
            _snapshot?.Dispose();
        }
    }

    private static PostgresLogReader Open(PostgresLogReader reader)
    {
        try
        {
            reader.ReadDurableMark();
            return reader;
        }
        catch
        {
            reader.Dispose();
            throw;
        }
    }

    /// <summary>Reads the batch that contains an offset, and the following ones; null if the database has no batch there.</summary>
    private StoredBatch? Load(long offset, long to) => Query(connection =>
    {
        using var command = new NpgsqlCommand(
            $"""
            select {Columns} from event_log_batch
            where log_id = $1 and from_offset < $3
              and from_offset >= coalesce((select max(from_offset) from event_log_batch where log_id = $1 and from_offset <= $2), $2)
            order by from_offset
            """, connection).With(LogId, offset, to);
        using var rows = command.ExecuteReader();
        StoredBatch? found = null;
        long unpacked = 0;
        while (unpacked < CacheBytes && rows.Read())
        {
            var batch = ReadBatch(rows);
            unpacked += batch.Bytes.Length;
            _cache.Add(batch);
            if (batch.From <= offset && offset < batch.To)
            {
                found = batch;
            }
        }

        return found;
    });

    private long NextAfter(long offset) => Query(connection =>
    {
        using var command = new NpgsqlCommand("select min(from_offset) from event_log_batch where log_id = $1 and from_offset > $2", connection)
            .With(LogId, offset);
        return command.ExecuteScalar() is long next ? next : _end;
    });

    private static StoredBatch ReadBatch(NpgsqlDataReader rows) =>
        StoredBatch.Unpack(rows.GetInt64(0), rows.GetInt64(1), (BatchEncoding)rows.GetInt16(2), (uint)rows.GetInt64(3), rows.GetFieldValue<byte[]>(4));

    private T Query<T>(Func<NpgsqlConnection, T> query)
    {
        try
        {
            if (_snapshot is not null)
            {
                return query(_snapshot);
            }

            using var connection = _database!.OpenConnection();
            return query(connection);
        }
        catch (Exception exception) when (PostgresLogErrors.IsOfDatabase(exception))
        {
            if (_database is not null)
            {
                DatabaseErrors.DropConnections(_database, exception);
            }

            throw new IOException($"{Name}: {PostgresLogErrors.Describe(exception)}", exception);
        }
    }
}
