using System.Data;
using System.Diagnostics;
using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Text;
using Npgsql;
using RevenueAspire.Postgres;

namespace RevenueAspire.Ledger;

/// <summary>Sources, open ranges and balances as of one moment: a REPEATABLE READ transaction (rule M13). Not thread-safe.</summary>
/// <remarks>Merges never wait for its locks. Dispose it soon, because Postgres cannot remove old row versions while the snapshot is open.</remarks>
public sealed class LedgerSnapshot : IAsyncDisposable
{
    // Revenue travels as text, which is exact at any size. A binary COPY needs no unescaping, and takes a third of a data reader's time per row.
    private const string Copy = "copy (select user_id, revenue::text from users_revenue order by user_id) to stdout (format binary)";

    private static readonly TimeSpan QuietPause = TimeSpan.FromMilliseconds(100);

    private readonly NpgsqlConnection _connection;
    private readonly NpgsqlTransaction _transaction;

    private string? _positions;
    private Stream? _copied;

    private LedgerSnapshot(NpgsqlConnection connection, NpgsqlTransaction transaction, IReadOnlyList<LedgerSource> sources,
        IReadOnlyDictionary<Guid, BigInteger> revenues, IReadOnlyList<EventRange> ranges, ILookup<Guid, FileDigest> digests, ILookup<Guid, string> paths,
        HistorySnapshot? history) =>
        (_connection, _transaction, Sources, Revenues, FrozenRanges, Digests, Paths, History) =
        (connection, transaction, sources, revenues, ranges, digests, paths, history);

    /// <summary>All sources.</summary>
    public IReadOnlyList<LedgerSource> Sources { get; }

    /// <summary>Stored sum of the events of each source before its <see cref="LedgerSource.AppliedThrough"/>. The ledger's total adds these up.</summary>
    public IReadOnlyDictionary<Guid, BigInteger> Revenues { get; }

    /// <summary>Frozen, unclosed ranges. The balances include their users up to the watermark of each part.</summary>
    public IReadOnlyList<EventRange> FrozenRanges { get; }

    /// <summary>The digests that identify the content of each file (rule M10), ascending by length.</summary>
    public ILookup<Guid, FileDigest> Digests { get; }

    /// <summary>Paths at which each content was seen, the latest first. They are hints: the file there may have other content now.</summary>
    public ILookup<Guid, string> Paths { get; }

    /// <summary>The history, or null if the ledger has none.</summary>
    public HistorySnapshot? History { get; }

    /// <summary>Opens the snapshot on a separate connection.</summary>
    /// <param name="database">The ledger's database.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <param name="balances">For a distributed ledger: creates the stream that receives a copy of the balances; null for memory.</param>
    /// <param name="patience">For a distributed ledger: limit of the attempts while processors apply events; null for 60 s.</param>
    /// <exception cref="NpgsqlException">The database failed; see <see cref="DatabaseErrors"/>.</exception>
    /// <exception cref="LedgerException">A source's revenue is not an integer, because another program wrote to the table. Or processors applied events to a
    /// distributed ledger during every copy of its balances.</exception>
    public static async Task<LedgerSnapshot> OpenAsync(
        NpgsqlDataSource database, CancellationToken cancellationToken, Func<Stream>? balances = null, TimeSpan? patience = null)
    {
        ArgumentNullException.ThrowIfNull(database);
        var started = Stopwatch.GetTimestamp();
        var limit = patience ?? TimeSpan.FromSeconds(60);
        for (var attempt = 1; ; attempt++)
        {
            var snapshot = await OpenOnceAsync(database, cancellationToken).ConfigureAwait(false);
            try
            {
                if (snapshot._positions is null
                    || await snapshot.TryCopyBalancesAsync(database, balances?.Invoke() ?? new MemoryStream(), cancellationToken).ConfigureAwait(false))
                {
                    return snapshot;
                }
            }
            catch
            {
                await snapshot.DisposeAsync().ConfigureAwait(false);
                throw;
            }

            await snapshot.DisposeAsync().ConfigureAwait(false);
            if (Stopwatch.GetElapsedTime(started) >= limit)
            {
                throw new LedgerException(
                    "balances of a distributed ledger can be compared only while no events are applied, but processors applied events during each of "
                    + $"{attempt} attempts: stop the processors (this loses nothing) and check again");
            }

            await Task.Delay(QuietPause, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Copies the balances of a distributed ledger, which has no snapshot over several servers. Returns false if the copy may differ from this
    /// snapshot.</summary>
    /// <remarks>A watermark commits before its sums. So the workers have all sums of this snapshot after <c>SettleAsync</c>. If no watermark has moved after
    /// the copy, the copy has no later sum.</remarks>
    private async Task<bool> TryCopyBalancesAsync(NpgsqlDataSource database, Stream balances, CancellationToken cancellationToken)
    {
        _copied = balances;
        await using var other = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        if (await DistributedLedger.FindPositionsAsync(other, cancellationToken).ConfigureAwait(false) != _positions)
        {
            return false;
        }

        await DistributedLedger.SettleAsync(other, cancellationToken).ConfigureAwait(false);
        var rows = await _connection.BeginRawBinaryCopyAsync(Copy, cancellationToken).ConfigureAwait(false);
        await using (rows.ConfigureAwait(false))
        {
            await rows.CopyToAsync(balances, cancellationToken).ConfigureAwait(false);
        }

        return await DistributedLedger.FindPositionsAsync(other, cancellationToken).ConfigureAwait(false) == _positions;
    }

    private static async Task<LedgerSnapshot> OpenOnceAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // The first query takes the snapshot for all later queries.
            var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken).ConfigureAwait(false);
            await using (var patient = new NpgsqlCommand("set local idle_in_transaction_session_timeout = 0; set local statement_timeout = 0", connection))
            {
                // No time-outs: between two queries verify may read logs and files for a long time, and one query reads the whole table.
                await patient.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            }

            var sources = await ReadSourcesAsync(connection, cancellationToken).ConfigureAwait(false);
            var revenues = await ReadRevenuesAsync(connection, cancellationToken).ConfigureAwait(false);
            var ranges = await ReadFrozenRangesAsync(connection, cancellationToken).ConfigureAwait(false);
            var digests = await ReadDigestsAsync(connection, cancellationToken).ConfigureAwait(false);
            var paths = await ReadPathsAsync(connection, cancellationToken).ConfigureAwait(false);
            var history = await HistorySnapshot.ReadAsync(connection, cancellationToken).ConfigureAwait(false);
            return new LedgerSnapshot(connection, transaction, sources, revenues, ranges, digests, paths, history)
            {
                _positions = await DistributedLedger.FindPositionsAsync(connection, cancellationToken).ConfigureAwait(false),
            };
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Exports the snapshot, and returns its name. Other connections can use it while this one is open.</summary>
    /// <exception cref="NpgsqlException">The database failed; see <see cref="DatabaseErrors"/>.</exception>
    public async Task<string> ExportAsync(CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select pg_export_snapshot()", _connection);
        return (string)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
    }

    /// <summary>Streams all balances in byte order of the user ids: UTF-8 user id, valid until the next row, and revenue.</summary>
    /// <remarks>Run one enumeration at a time. Memory does not grow with the number of users. Postgres may sort the table before it sends the first row: the
    /// connection's Command Timeout must allow for that.</remarks>
    /// <exception cref="LedgerException">A revenue is not an integer, because another program wrote to the table.</exception>
    public async IAsyncEnumerable<(ReadOnlyMemory<byte> UserId, BigInteger Revenue)> ReadBalancesAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (_copied is { } copied)
        {
            copied.Position = 0;
            await foreach (var balance in ReadRowsAsync(copied, cancellationToken).ConfigureAwait(false))
            {
                yield return balance;
            }

            yield break;
        }

        var rows = await _connection.BeginRawBinaryCopyAsync(Copy, cancellationToken).ConfigureAwait(false);
        await using (rows.ConfigureAwait(false))
        {
            var isRead = false;
            try
            {
                await foreach (var balance in ReadRowsAsync(rows, cancellationToken).ConfigureAwait(false))
                {
                    yield return balance;
                }

                isRead = true;
            }
            finally
            {
                if (!isRead && _connection.FullState.HasFlag(ConnectionState.Open))
                {
                    // Without the cancellation, disposing the stream would read the rest of the table.
                    await rows.CancelAsync().ConfigureAwait(false);
                }
            }
        }
    }

    private static async IAsyncEnumerable<(ReadOnlyMemory<byte> UserId, BigInteger Revenue)> ReadRowsAsync(
        Stream rows, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var reader = new BinaryRows(rows);
        await reader.SkipAsync(BinaryRows.HeaderBytes, cancellationToken).ConfigureAwait(false);
        while (await reader.ReadFieldCountAsync(cancellationToken).ConfigureAwait(false) > 0)
        {
            var userId = await reader.ReadFieldAsync(cancellationToken).ConfigureAwait(false);
            var revenue = await reader.ReadFieldAsync(cancellationToken).ConfigureAwait(false);
            yield return (reader.Field(userId), ParseRevenue("users_revenue", reader.Field(revenue).Span));
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_copied is not null)
        {
            await _copied.DisposeAsync().ConfigureAwait(false);
        }

        await _transaction.DisposeAsync().ConfigureAwait(false);
        await _connection.DisposeAsync().ConfigureAwait(false);
    }

    private static async Task<List<LedgerSource>> ReadSourcesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"select {SourceRows.Columns} from event_source order by name, generation, source_id", connection);
        return await SourceRows.ListAsync(command, cancellationToken).ConfigureAwait(false);
    }

    private static async Task<Dictionary<Guid, BigInteger>> ReadRevenuesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select source_id, revenue_through::text from event_source", connection);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var revenues = new Dictionary<Guid, BigInteger>();
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            revenues.Add(rows.GetGuid(0), ParseRevenue("event_source", rows.GetFieldValue<byte[]>(1)));
        }

        return revenues;
    }

    internal static BigInteger ParseRevenue(string table, ReadOnlySpan<byte> text) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var narrow) ? narrow
            : BigInteger.TryParse(Encoding.UTF8.GetString(text), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var revenue) ? revenue
            : throw new LedgerException(
                $"{table} contains a revenue that is not an integer ({Encoding.UTF8.GetString(text)}): another program writes to this table");

    private static async Task<ILookup<Guid, FileDigest>> ReadDigestsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select content_id, length, sha256 from event_source_digest order by length", connection);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var digests = new List<(Guid Content, FileDigest Digest)>();
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            digests.Add((rows.GetGuid(0), new FileDigest(rows.GetInt64(1), rows.GetFieldValue<byte[]>(2))));
        }

        return digests.ToLookup(entry => entry.Content, entry => entry.Digest);
    }

    private static async Task<ILookup<Guid, string>> ReadPathsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select content_id, path from event_source_path order by seen_at desc", connection);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var paths = new List<(Guid Content, string Path)>();
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            paths.Add((rows.GetGuid(0), rows.GetString(1)));
        }

        return paths.ToLookup(entry => entry.Content, entry => entry.Path);
    }

    private static async Task<List<EventRange>> ReadFrozenRangesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"{RangeRows.Select} where r.end_fixed is not null order by r.source_id, r.from_offset", connection);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var ranges = new List<EventRange>();
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            ranges.Add(RangeRows.Read(rows));
        }

        return ranges;
    }
}
