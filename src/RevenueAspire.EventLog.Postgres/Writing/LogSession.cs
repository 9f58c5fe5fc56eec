using System.Buffers.Binary;
using System.Diagnostics;
using Npgsql;
using NpgsqlTypes;
using RevenueAspire.EventLog.Writing;
using RevenueAspire.Postgres;

namespace RevenueAspire.EventLog.Postgres.Writing;

/// <summary>The writer's connection, with the right to append to one log. Each append names the log's end and this session's epoch. Not thread-safe.</summary>
internal sealed class LogSession : IAsyncDisposable
{
    /// <summary>Period for which the process counts as alive after its last sign of life.</summary>
    public static readonly TimeSpan Alive = TimeSpan.FromSeconds(30);

    private const string AliveUntil = "now() + interval '30 seconds'";

    private const string Move =
        $"update event_log set end_offset = $4, alive_until = {AliveUntil} where log_id = $1 and end_offset = $2 and epoch = $3 and not is_closed";

    // Each append raises the setting for its own transaction, because a pooler may pass a session's settings to another client. A stricter setting
    // (remote_apply) stays (rule R4).
    private const string Durable = Replication.ConfirmCommit;

    private const string AppendSql =
        $"""
        with moved as ({Move} returning 1),
             batch as (insert into event_log_batch (log_id, from_offset, to_offset, encoding, crc, bytes) select $1, $2, $4, $5, $6, $7 from moved)
        select exists (select from moved), {Durable}
        """;

    // The statement checks for known keys first; if it finds any, it changes nothing. If another process is inserting one of the keys, the statement waits for
    // that commit and then fails as a whole with 23505.
    private const string AppendKeyedSql =
        $"""
        with known as materialized (select k.* from event_log_key k where k.key_hash = any ($8)),
             moved as ({Move} and not exists (select from known) returning 1),
             batch as (insert into event_log_batch (log_id, from_offset, to_offset, encoding, crc, bytes) select $1, $2, $4, $5, $6, $7 from moved),
             keys as (
               insert into event_log_key (key_hash, body_hash, log_id, record_offset, record_count, rejected_count)
               select n.key_hash, n.body_hash, $1, n.record_offset, n.record_count, n.rejected_count
               from moved, unnest($8, $9, $10, $11, $12) as n (key_hash, body_hash, record_offset, record_count, rejected_count)
               order by n.key_hash)
        select exists (select from moved), known.key_hash, known.body_hash, known.log_id, known.record_offset, known.record_count, known.rejected_count,
               current_setting('synchronous_standby_names') <> ''
        from (select {Durable}) durable left join known on true
        """;

    private readonly NpgsqlConnection _connection;
    private readonly NpgsqlCommand _append;
    private readonly NpgsqlCommand _appendKeyed;
    private readonly NpgsqlParameter<ReadOnlyMemory<byte>>[] _bytes = [Bytea(), Bytea()];

    private readonly CommitConfirmation _confirmation;

    private LogSession(NpgsqlConnection connection)
    {
        _connection = connection;
        _confirmation = new CommitConfirmation(connection);
        _append = Command(AppendSql, _bytes[0]);
        _appendKeyed = Command(AppendKeyedSql, _bytes[1]);
        _appendKeyed.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea });
        _appendKeyed.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea });
        _appendKeyed.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint });
        _appendKeyed.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Integer });
        _appendKeyed.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Integer });
    }

    public Guid LogId { get; private set; }

    public long End { get; private set; }

    /// <summary>The epoch that each append of this session names.</summary>
    public long Epoch { get; private set; }

    /// <summary>The pid of this session's backend in pg_stat_activity; null with a pooler, which uses another backend per transaction.</summary>
    public int? BackendId => NamedStatements.IsPooler(_connection) ? null : _connection.ProcessID;

    /// <summary>Duration of the synchronous commit that opened the session.</summary>
    public TimeSpan OpeningCommit { get; private set; }

    /// <summary>Connects, applies the schema, and takes the log over. Appends of an earlier session that are still running fail from then on.</summary>
    /// <param name="database">The database.</param>
    /// <param name="logId">The log to continue, or null to begin one.</param>
    /// <param name="writer">Host and process, as text for people.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <returns>The session, and the end of the log to continue; null if that log does not exist. If the log is closed or missing, the session begins a new
    /// log.</returns>
    /// <exception cref="NpgsqlException">Any error of Postgres.</exception>
    /// <exception cref="EventLogException">The database cannot hold a log.</exception>
    public static async Task<(LogSession Session, long? EndFound)> OpenAsync(
        NpgsqlDataSource database, Guid? logId, string writer, CancellationToken cancellationToken)
    {
        var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        var session = new LogSession(connection);
        try
        {
            await PostgresLogSchema.ApplyAsync(connection, cancellationToken).ConfigureAwait(false);
            var found = logId is { } known ? await session.TakeOverAsync(known, cancellationToken).ConfigureAwait(false) : null;
            if (session.LogId == Guid.Empty)
            {
                await session.BeginAsync(writer, cancellationToken).ConfigureAwait(false);
            }

            await session._append.PrepareNamedAsync(cancellationToken).ConfigureAwait(false);
            await session._appendKeyed.PrepareNamedAsync(cancellationToken).ConfigureAwait(false);
            return (session, found);
        }
        catch
        {
            await session.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Appends end, batch and keys in one statement, so in one transaction: all or nothing.</summary>
    /// <remarks>There is no time-out and no cancellation: either would end the server's wait for its standbys, and leave the commit on one machine (rule R1).
    /// The caller may stop waiting.</remarks>
    /// <exception cref="NpgsqlException">Any error of Postgres; 23505 if another process has written one of the keys in the meantime.</exception>
    /// <exception cref="UnconfirmedCommitException">The commit is in doubt: an operator or the server ended the wait for the standbys.</exception>
    public async Task<CommitOutcome> AppendAsync(Batch batch)
    {
        var keyed = batch.Keys.Keys.Length > 0;
        var command = keyed ? _appendKeyed : _append;
        ((NpgsqlParameter<Guid>)command.Parameters[0]).TypedValue = LogId;
        ((NpgsqlParameter<long>)command.Parameters[1]).TypedValue = batch.From;
        ((NpgsqlParameter<long>)command.Parameters[2]).TypedValue = Epoch;
        ((NpgsqlParameter<long>)command.Parameters[3]).TypedValue = batch.To;
        ((NpgsqlParameter<short>)command.Parameters[4]).TypedValue = (short)batch.Encoding;
        ((NpgsqlParameter<long>)command.Parameters[5]).TypedValue = batch.Crc;
        _bytes[keyed ? 1 : 0].TypedValue = batch.Bytes;
        if (keyed)
        {
            command.Parameters[7].Value = batch.Keys.Keys;
            command.Parameters[8].Value = batch.Keys.Bodies;
            command.Parameters[9].Value = batch.Keys.Offsets;
            command.Parameters[10].Value = batch.Keys.Counts;
            command.Parameters[11].Value = batch.Keys.Rejected;
        }

        var moved = false;
        List<KnownKey> known = [];
        var hasStandbys = false;
        await using (var rows = await command.ExecuteReaderAsync(CancellationToken.None).ConfigureAwait(false))
        {
            while (await rows.ReadAsync(CancellationToken.None).ConfigureAwait(false))
            {
                moved = rows.GetBoolean(0);
                if (keyed && !await rows.IsDBNullAsync(1, CancellationToken.None).ConfigureAwait(false))
                {
                    hasStandbys = rows.GetBoolean(7);
                    known.Add(new KnownKey(
                        Hash(rows.GetFieldValue<byte[]>(1)), Hash(rows.GetFieldValue<byte[]>(2)), new Receipt(rows.GetGuid(3), rows.GetInt64(4)), rows.GetInt32(
                            5), rows.GetInt32(6)));
                }
            }
        }

        // The warning arrives with the commit, after the rows.
        _confirmation.Require();
        if (known.Count > 0 && hasStandbys)
        {
            // A commit with a cancelled wait is also visible. A later commit with its quorum confirms it (rule R2).
            await ConfirmAsync().ConfigureAwait(false);
        }

        if (moved)
        {
            End = batch.To;
        }

        return new CommitOutcome(moved, known);
    }

    /// <summary>Wakes the processors. This is a separate statement, because a notification inside the append would serialize the commits of all
    /// processes.</summary>
    public Task NotifyAsync(CancellationToken cancellationToken) => ExecuteAsync($"notify {PostgresLogs.Channel}", cancellationToken);

    public Task<KeyMemory> ReadMemoryAsync(CancellationToken cancellationToken) => PostgresLogs.ReadMemoryAsync(_connection, cancellationToken);

    /// <summary>Renews this process's sign of life.</summary>
    /// <returns>False if another process has closed or taken over the log.</returns>
    public async Task<bool> StayAliveAsync(CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"update event_log set alive_until = {AliveUntil} where log_id = $1 and epoch = $2 and not is_closed", _connection).With(LogId, Epoch);
        return await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false) == 1;
    }

    /// <summary>Closes the log, so that no process appends to it any more.</summary>
    public async Task CloseLogAsync(CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"update event_log set is_closed = true, epoch = epoch + 1 where log_id = $1 and epoch = $2 returning {Durable}", _connection).With(LogId, Epoch);
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        _confirmation.Dispose();
        await _append.DisposeAsync().ConfigureAwait(false);
        await _appendKeyed.DisposeAsync().ConfigureAwait(false);
        await _connection.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Raises the log's epoch. This waits for a running commit, which holds the row. A commit that arrives later names the old epoch and
    /// fails.</summary>
    private async Task<long?> TakeOverAsync(Guid logId, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"update event_log set epoch = epoch + 1, alive_until = {AliveUntil} where log_id = $1 returning end_offset, epoch, is_closed, {Durable}",
            _connection).With(logId);
        var started = Stopwatch.GetTimestamp();
        long end, epoch;
        bool isClosed;
        await using (var rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false))
        {
            if (!await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                return null;
            }

            (end, epoch, isClosed) = (rows.GetInt64(0), rows.GetInt64(1), rows.GetBoolean(2));
        }

        // This commit follows the one in doubt. Once it has its quorum, the end that it read is final (rule R1).
        _confirmation.Require();
        if (!isClosed)
        {
            OpeningCommit = Stopwatch.GetElapsedTime(started);
            (LogId, End, Epoch) = (logId, end, epoch);
        }

        return end;
    }

    private async Task BeginAsync(string writer, CancellationToken cancellationToken)
    {
        var logId = Guid.NewGuid();
        await using var command = new NpgsqlCommand(
            $"insert into event_log (log_id, writer, alive_until) values ($1, $2, {AliveUntil}) returning {Durable}", _connection).With(logId, writer);
        var started = Stopwatch.GetTimestamp();
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        _confirmation.Require();
        OpeningCommit = Stopwatch.GetElapsedTime(started);
        (LogId, End, Epoch) = (logId, 0, 0);
    }

    private async Task ConfirmAsync()
    {
        await using var barrier = new NpgsqlCommand(Replication.Barrier, _connection) { CommandTimeout = 0 };
        await barrier.ExecuteNonQueryAsync(CancellationToken.None).ConfigureAwait(false);
        _confirmation.Require();
    }

    internal async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, _connection);
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        _confirmation.Require();
    }

    private NpgsqlCommand Command(string sql, NpgsqlParameter bytes) => new(sql, _connection)
    {
        CommandTimeout = 0,
        Parameters =
        {
            new NpgsqlParameter<Guid> { NpgsqlDbType = NpgsqlDbType.Uuid },
            new NpgsqlParameter<long> { NpgsqlDbType = NpgsqlDbType.Bigint },
            new NpgsqlParameter<long> { NpgsqlDbType = NpgsqlDbType.Bigint },
            new NpgsqlParameter<long> { NpgsqlDbType = NpgsqlDbType.Bigint },
            new NpgsqlParameter<short> { NpgsqlDbType = NpgsqlDbType.Smallint },
            new NpgsqlParameter<long> { NpgsqlDbType = NpgsqlDbType.Bigint },
            bytes,
        },
    };

    private static NpgsqlParameter<ReadOnlyMemory<byte>> Bytea() => new() { NpgsqlDbType = NpgsqlDbType.Bytea };

    private static UInt128 Hash(byte[] bytes) => BinaryPrimitives.ReadUInt128LittleEndian(bytes);
}
