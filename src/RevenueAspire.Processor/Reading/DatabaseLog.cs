using Npgsql;
using RevenueAspire.EventLog;
using RevenueAspire.EventLog.Postgres;

namespace RevenueAspire.Processor.Reading;

/// <summary>A log in the ledger's database (<c>EventLog:Engine=Postgres</c>).</summary>
internal sealed class DatabaseLog : IStoredLog
{
    /// <summary>What the name of such a log begins with; then its id.</summary>
    private const string Scheme = "postgres:";

    /// <summary>Without a word from the database it is looked at this often all the same.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(1);

    private readonly NpgsqlDataSource _database;
    private readonly LogSignal? _signal;
    private readonly PostgresLogReader _reader;
    private Task _next = Task.CompletedTask;
    private long _mark;

    private DatabaseLog(NpgsqlDataSource database, LogSignal? signal, PostgresLogReader reader) => (_database, _signal, _reader) = (database, signal, reader);

    /// <summary>Opens a log to follow it.</summary>
    /// <exception cref="EventLogException">The database has no such log.</exception>
    /// <exception cref="IOException">The database cannot be asked now.</exception>
    public static DatabaseLog Open(NpgsqlDataSource database, LogSignal? signal, Guid logId) => new(database, signal, PostgresLogReader.Open(database, logId));

    /// <summary>Opens a log as of a snapshot that another connection has exported: nothing is missing from it however long the reading takes.</summary>
    /// <inheritdoc cref="Open"/>
    public static DatabaseLog OpenSnapshot(NpgsqlDataSource database, string snapshot, Guid logId) => new(database, null, PostgresLogReader.OpenSnapshot(database, snapshot, logId));

    /// <summary>Whether a source's name is that of such a log.</summary>
    public static bool TryParseName(string name, out Guid logId)
    {
        logId = default;
        return name.StartsWith(Scheme, StringComparison.Ordinal) && Guid.TryParseExact(name.AsSpan(Scheme.Length), "N", out logId);
    }

    /// <inheritdoc/>
    public Guid LogId => _reader.LogId;

    /// <summary>The name of the source of a log.</summary>
    public static string NameOf(Guid logId) => $"{Scheme}{logId:N}";

    /// <inheritdoc/>
    public string Name => NameOf(LogId);

    /// <inheritdoc/>
    public long FirstOffset => _reader.FirstOffset;

    /// <inheritdoc/>
    public long ReadDurableMark()
    {
        Volatile.Write(ref _next, _signal?.Next ?? Task.CompletedTask);
        var mark = _reader.ReadDurableMark();
        Volatile.Write(ref _mark, mark);
        return mark;
    }

    /// <inheritdoc/>
    /// <remarks>As of the last look at this log, or at the list of all, which is read every second.</remarks>
    public long EstimateDurableMark() => Math.Max(Volatile.Read(ref _mark), _signal?.EndOf(LogId) ?? 0);

    /// <inheritdoc/>
    public LogRead Read(long offset, Span<byte> destination) => _reader.Read(offset, destination);

    /// <inheritdoc/>
    public IStoredLog OpenAgain() => Open(_database, _signal, LogId);

    /// <inheritdoc/>
    /// <remarks>A look is a query, so the database says when there is something to look at.</remarks>
    public async Task WaitAsync(TimeSpan poll, TimeProvider time, CancellationToken cancellationToken)
    {
        if (_signal is null)
        {
            await Task.Delay(LongestWait, time, cancellationToken).ConfigureAwait(false);
            return;
        }

        try
        {
            await Volatile.Read(ref _next).WaitAsync(LongestWait, time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // As long as was asked.
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _reader.Dispose();
}
