using System.Globalization;
using System.Numerics;
using System.Text;
using Npgsql;
using NpgsqlTypes;

namespace RevenueAspire.Ledger;

/// <summary>Adds the events that were applied before the history began, as partition 0. Its rows precede all others. Not thread-safe.</summary>
/// <remarks>
/// The build is one transaction. It writes the rows to a separate table, and attaches the table as the partition at the end. A killed build leaves nothing in
/// the database. Processors continue to run, because they never write to this partition.
/// </remarks>
public sealed class HistoryBuild : IAsyncDisposable
{
    private const string Table = "event_history_0";
    private const long Lock = 5641763209170222;
    private const long MillisecondsPerHour = 3_600_000;
    private static readonly long FirstSeqOfPartition1 = HistoryPartitions.FirstSequence(1);
    private readonly NpgsqlConnection _connection;
    private readonly NpgsqlTransaction _transaction;
    private readonly HistoryWriter _writer;
    private readonly IReadOnlyList<int> _sources;
    private readonly byte[] _events = new byte[HistoryRows.MaxRowBytes + HistoryCodec.MaxHeaderBytes + HistoryCodec.MaxEventBytes];
    private TextWriter? _copy;

    private HistoryBuild(NpgsqlConnection connection, NpgsqlTransaction transaction, HistoryWriter writer, IReadOnlyList<int> sources) =>
        (_connection, _transaction, _writer, _sources) = (connection, transaction, writer, sources);

    /// <summary>Number of rows written.</summary>
    public long Rows { get; private set; }

    /// <summary>Begins a build.</summary>
    /// <param name="database">The ledger's database. The role must own the tables.</param>
    /// <param name="writer">The writer of the current history.</param>
    /// <param name="sources">The sources of the events; <see cref="BuiltEvent.Source"/> is an index into this list.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="LedgerException">Another build is running.</exception>
    public static async Task<HistoryBuild> BeginAsync(
        NpgsqlDataSource database, HistoryWriter writer, IReadOnlyList<HistorySource> sources, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(database);
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(sources);
        var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var numbers = new List<int>(sources.Count);
            foreach (var source in sources)
            {
                numbers.Add(await writer.SourceNumberAsync(connection, source.SourceId, source.IsLog, cancellationToken).ConfigureAwait(false));
            }

            var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            var build = new HistoryBuild(connection, transaction, writer, numbers);
            await build.ExecuteAsync(
                "set local idle_in_transaction_session_timeout = 0; set local statement_timeout = 0", cancellationToken).ConfigureAwait(false);
            await using (var tryLock = new NpgsqlCommand($"select pg_try_advisory_xact_lock({Lock})", connection))
            {
                if (await tryLock.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) is false)
                {
                    throw new LedgerException("another 'history build' is running on this ledger: wait for its end");
                }
            }

            await build.ExecuteAsync(
                $"create table {Table} (like event_history including defaults including constraints)", cancellationToken).ConfigureAwait(false);
            build._copy = await connection.BeginTextImportAsync(
                $"copy {Table} (seq, at, user_id, revenue, balance, events) from stdin", cancellationToken).ConfigureAwait(false);
            return build;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Adds the events of a user.</summary>
    /// <param name="userId">UTF-8. Call the method once per user.</param>
    /// <param name="opening">The user's balance before the first of the events.</param>
    /// <param name="events">The events, in the order of the history.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task AddAsync(ReadOnlyMemory<byte> userId, BigInteger opening, IReadOnlyList<BuiltEvent> events, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(events);
        var (balance, user) = (opening, Escape(Encoding.UTF8.GetString(userId.Span)));
        for (var next = 0; next < events.Count;)
        {
            var first = events[next];
            var (length, count, revenue) = Pack(events, next);
            next += count;
            balance += revenue;
            if (++Rows == FirstSeqOfPartition1)
            {
                throw new LedgerException("the history has too many rows for one partition");
            }

            var at = DateTimeOffset.FromUnixTimeMilliseconds(first.At).ToString("yyyy-MM-dd HH:mm:ss.fff'+00'", CultureInfo.InvariantCulture);
            var row = string.Create(
                CultureInfo.InvariantCulture,
                $"{Rows}\t{at}\t{user}\t{revenue}\t{balance}\t\\\\x{Convert.ToHexStringLower(_events.AsSpan(0, length))}\n");
            await _copy!.WriteAsync(row.AsMemory(), cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Makes all rows visible at once, and deletes the records of missing events.</summary>
    /// <param name="built">The sources that have no more missing events.</param>
    /// <param name="firstAt">A time not later than the application of any event of the rows.</param>
    /// <param name="cancellationToken">Cancels; the commit then happened completely or not at all.</param>
    public async Task CommitAsync(IReadOnlyCollection<Guid> built, DateTimeOffset firstAt, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(built);
        await _copy!.DisposeAsync().ConfigureAwait(false);
        _copy = null;
        await ExecuteAsync(
            $"alter table event_history attach partition {Table} for values from (0) to ({FirstSeqOfPartition1.ToString(CultureInfo.InvariantCulture)})",
            cancellationToken).ConfigureAwait(false);
        await using (var state = new NpgsqlCommand("insert into history_partition (number, started_at) values (0, $1)", _connection))
        {
            state.Parameters.Add(new NpgsqlParameter { Value = firstAt.UtcDateTime, NpgsqlDbType = NpgsqlDbType.TimestampTz });
            await state.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }

        await using (var missing = new NpgsqlCommand("delete from history_missing where source_id = any ($1)", _connection))
        {
            missing.Parameters.Add(WriteBatch.Parameter(built.ToArray()));
            await missing.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }

        // Synchronous: when the commit returns, the rows survive a crash.
        await ExecuteAsync($"select {WriteBatch.CommitSynchronously}", cancellationToken).ConfigureAwait(false);
        await _transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Ends the build. Without <see cref="CommitAsync"/> it changes nothing.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_copy is NpgsqlCopyTextWriter copy)
        {
            await copy.CancelAsync().ConfigureAwait(false);
        }

        await _transaction.DisposeAsync().ConfigureAwait(false);
        await _connection.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Packs the next events of one source and one hour into a row.</summary>
    private (int Length, int Count, BigInteger Revenue) Pack(IReadOnlyList<BuiltEvent> events, int from)
    {
        var first = events[from];
        var isLog = first.Applied.Time != AppliedEvent.NoTime;
        var (count, revenue, offset, time) = (0, BigInteger.Zero, 0L, AppliedEvent.NoTime);
        var length = HistoryCodec.WriteHeader(_events, _sources[first.Source], isLog);
        while (from + count < events.Count && count < HistoryRows.MaxRowEvents && length <= HistoryRows.MaxRowBytes - HistoryCodec.MaxEventBytes)
        {
            var (source, at, applied) = events[from + count];
            if (source != first.Source || applied.Offset < offset
                || Math.DivRem(at, MillisecondsPerHour).Quotient != Math.DivRem(first.At, MillisecondsPerHour).Quotient)
            {
                break;
            }

            var (number, sign) = _writer.Types[applied.Type];
            length += HistoryCodec.Write(_events.AsSpan(length), applied with { Type = number }, offset, time);
            revenue += sign * (BigInteger)applied.Value;
            offset = applied.Offset;
            time = isLog ? applied.Time : time;
            count++;
        }

        return (length, count, revenue);
    }

    /// <summary>Escapes a value for the text format of COPY. The driver cannot write numbers of any size in the binary format.</summary>
    private static string Escape(string text) => text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\t", "\\t", StringComparison.Ordinal)
        .Replace("\n", "\\n", StringComparison.Ordinal).Replace("\r", "\\r", StringComparison.Ordinal);

    private async Task ExecuteAsync(string statement, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(statement, _connection);
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }
}

/// <summary>An event for <see cref="HistoryBuild"/>.</summary>
/// <param name="Source">Index of the source.</param>
/// <param name="At">Time of the row in milliseconds since 1970-01-01 UTC. Log: server time. File: the time at which the source was created.</param>
/// <param name="Applied">The event.</param>
public readonly record struct BuiltEvent(int Source, long At, AppliedEvent Applied);
