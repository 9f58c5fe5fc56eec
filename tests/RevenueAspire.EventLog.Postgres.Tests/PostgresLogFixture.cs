using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using RevenueAspire.EventLog.Storage;
using RevenueAspire.EventLog.Tests.Contract;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Postgres.Tests;

/// <summary>The Postgres store, with one database per test.</summary>
internal sealed class PostgresLogFixture : LogFixture
{
    /// <summary>Interval of the process's sign of life.</summary>
    private static readonly TimeSpan AliveInterval = TimeSpan.FromMilliseconds(200);

    private PostgresLog? _database;
    private EventLogWriter? _log;

    public override async Task<EventLogWriter> OpenAsync(Action<EventLogOptions>? change = null)
    {
        _database ??= await PostgresLog.CreateAsync();
        var options = new EventLogOptions();
        change?.Invoke(options);
        var log = _log = PostgresLogStore.StartWriter(_database.Database, options, NullLoggerFactory.Instance, AliveInterval);
        await Eventually.IsTrueAsync(() => log.Status.State == WriterState.Running);
        return log;
    }

    public override LogView OpenReader(Guid logId) => new View(PostgresLogReader.Open(_database!.Database, logId));

    /// <summary>Locks the log's row, which blocks its commits.</summary>
    public override async Task<IAsyncDisposable> HoldAsync()
    {
        var connection = await _database!.Database.OpenConnectionAsync();
        var transaction = await connection.BeginTransactionAsync();
        await using var hold = new NpgsqlCommand("select from event_log where log_id = $1 for update",
            connection)
        { Parameters = { new() { Value = _log!.LogId } } };
        await hold.ExecuteNonQueryAsync();
        return new Undo(async () =>
        {
            await transaction.DisposeAsync();
            await connection.DisposeAsync();
        });
    }

    public override async Task<IAsyncDisposable> RefuseAsync()
    {
        await _database!.ExecuteAsync("alter table event_log_batch add constraint no_more check (false) not valid");
        return new Undo(async () => await _database.ExecuteAsync("alter table event_log_batch drop constraint no_more"));
    }

    public override async Task ForgetKeysAsync(int window)
    {
        await PostgresLogRetention.ForgetKeysAsync(_database!.Database, window, CancellationToken.None);
        await _database.ExecuteAsync("update event_log_memory set announced_at = announced_at - interval '2 minutes'");
        await PostgresLogRetention.ForgetKeysAsync(_database.Database, window, CancellationToken.None);
    }

    public override Task RemoveAppliedAsync(EventLogWriter log, long applied, long retainBytes) =>
        PostgresLogRetention.RemoveBatchesAsync(_database!.Database, log.LogId, applied - SegmentRetention.ComparedBytes, retainBytes, CancellationToken.None);

    public override async ValueTask DisposeAsync()
    {
        if (_log is not null)
        {
            await _log.DisposeAsync();
        }

        if (_database is not null)
        {
            await _database.DisposeAsync();
        }
    }

    private sealed class View(PostgresLogReader reader) : LogView
    {
        public override long FirstOffset => reader.FirstOffset;

        public override long ReadDurableMark() => reader.ReadDurableMark();

        public override LogRead Read(long offset, Span<byte> destination) => reader.Read(offset, destination);

        public override void Dispose() => reader.Dispose();
    }
}
