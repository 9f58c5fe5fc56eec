using Npgsql;
using RevenueAspire.EventLog;
using RevenueAspire.EventLog.Postgres;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Reading;

/// <summary>A log, read up to its durable mark. Thread-safe.</summary>
internal sealed class LogSourceReader : ISourceReader
{
    /// <summary>The API has accepted the lines of a log, so no setting of the processor limits them. This value exceeds the largest batch.</summary>
    private const int MaxRecordBytes = 64 << 20;

    /// <summary>Without notifications, a log in the database is read at this interval.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(1);

    private readonly ILogReader _log;
    private readonly Func<LogSourceReader> _open;
    private readonly LogNotifications? _notifications;
    private Task _next = Task.CompletedTask;
    private long _mark;

    private LogSourceReader(ILogReader log, string name, Func<LogSourceReader> open, LogNotifications? notifications = null) =>
        (_log, Name, _open, _notifications) = (log, name, open, notifications);

    /// <summary>The id of the log and of its source.</summary>
    public Guid LogId => _log.LogId;

    /// <inheritdoc/>
    public SourceKind Kind => SourceKind.Log;

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public int MaxLineBytes => MaxRecordBytes;

    /// <inheritdoc/>
    public long FirstOffset => _log.FirstOffset;

    /// <inheritdoc/>
    public ISourceReader Whole => this;

    /// <summary>Opens a log in a folder.</summary>
    /// <exception cref="EventLogException">The folder contains no log, or log.json is damaged.</exception>
    public static LogSourceReader Open(string directory)
    {
        var reader = EventLogReader.Open(directory);
        return new LogSourceReader(reader, reader.Directory, () => Open(reader.Directory));
    }

    /// <summary>Opens a log in the database, to follow it.</summary>
    /// <exception cref="EventLogException">The database has no such log.</exception>
    /// <exception cref="IOException">The database is unavailable.</exception>
    public static LogSourceReader Open(NpgsqlDataSource database, LogNotifications? notifications, Guid logId) =>
        new(PostgresLogReader.Open(database, logId), PostgresLogs.SourceName(logId), () => Open(database, notifications, logId), notifications);

    /// <summary>Opens a log as of a snapshot that another connection has exported, so that no bytes disappear during a long read.</summary>
    /// <inheritdoc cref="Open(NpgsqlDataSource, LogNotifications?, Guid)"/>
    public static LogSourceReader OpenSnapshot(NpgsqlDataSource database, string snapshot, Guid logId) =>
        new(PostgresLogReader.OpenSnapshot(database, snapshot, logId), PostgresLogs.SourceName(logId), () => OpenSnapshot(database, snapshot, logId));

    /// <summary>Opens the log that is now in the same place.</summary>
    /// <exception cref="EventLogException">The place contains no readable log.</exception>
    public LogSourceReader OpenAgain() => _open();

    /// <inheritdoc/>
    public long ReadEnd()
    {
        try
        {
            Volatile.Write(ref _next, _notifications?.Next ?? Task.CompletedTask);
            var mark = _log.ReadDurableMark();
            Volatile.Write(ref _mark, mark);
            return mark;
        }
        catch (EventLogException exception)
        {
            throw Explain(exception);
        }
    }

    /// <summary>Estimates the durable mark for metrics, without waiting: reads the mark of a folder, or uses the last answer of the database.</summary>
    public long EstimateEnd() => _notifications is null ? _log.ReadDurableMark() : Math.Max(Volatile.Read(ref _mark), _notifications.EndOf(LogId));

    /// <inheritdoc/>
    public LogRead Read(long offset, Span<byte> destination)
    {
        try
        {
            var read = _log.Read(offset, destination);
            return read.Count > 0 || read.DamagedThrough > offset
                ? read
                : throw new SourceStoppedException(
                    $"{Name}: no bytes can be read at offset {offset}, although the durable mark is after it; restore the original directory of the log");
        }
        catch (EventLogException exception)
        {
            throw Explain(exception);
        }
    }

    /// <summary>Waits briefly for an append. A folder is polled, at 16 bytes per poll; the database sends a notification.</summary>
    /// <param name="poll">Pause between two polls of a folder.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task WaitAsync(TimeSpan poll, TimeProvider time, CancellationToken cancellationToken)
    {
        if (_notifications is null)
        {
            await Task.Delay(poll, time, cancellationToken).ConfigureAwait(false);
            return;
        }

        try
        {
            await Volatile.Read(ref _next).WaitAsync(LongestWait, time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // The notification may be lost, so the caller polls.
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _log.Dispose();

    /// <summary>If another log is in this place now, the error is permanent. If no log is readable, the error may be temporary.</summary>
    private Exception Explain(EventLogException exception)
    {
        try
        {
            using var now = _open();
            return new SourceStoppedException(exception.Message, exception);
        }
        catch (EventLogException unreadable)
        {
            return new IOException(unreadable.Message, unreadable);
        }
    }
}
