using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Postgres.Tests;

/// <summary>The log's connection: its effect on the session, its log messages, and its end.</summary>
public sealed class ConnectionTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(200);

    [Fact]
    public async Task A_slow_logger_does_not_delay_appends_while_the_database_is_unavailable()
    {
        using var slow = new SlowSink();
        await using var nothing = NpgsqlDataSource.Create($"Host=127.0.0.1;Port={FreePort.Next()};Username=postgres;Password=any");
        var log = PostgresLogStore.StartWriter(nothing, new EventLogOptions(), slow);
        await slow.Reached.WaitAsync(Eventually.DefaultLimit);

        // The slow logger still blocks in the message about the database, but an append is already refused.
        var append = Task.Run(() => PostgresLog.AppendAsync(log, "a"));
        Assert.Equal(AppendStatus.Unavailable, (await append.WaitAsync(Eventually.DefaultLimit)).Status);
        slow.Release();
        await log.DisposeAsync();
        Assert.Equal(1, slow.Lines);
    }

    [Fact]
    public async Task Every_DisposeAsync_waits_until_the_log_is_closed()
    {
        await using var database = await PostgresLog.CreateAsync();
        await using var log = PostgresLogStore.StartWriter(database.Database, new EventLogOptions(), NullLoggerFactory.Instance);
        await Eventually.IsTrueAsync(() => log.Status.State == WriterState.Running);
        await using (var holder = await database.Database.OpenConnectionAsync())
        {
            await using var transaction = await holder.BeginTransactionAsync();
            await using (var hold = new NpgsqlCommand("select from event_log for update", holder))
            {
                await hold.ExecuteNonQueryAsync();
            }

            // Closing the log waits for its locked row.
            var (first, second) = (log.DisposeAsync().AsTask(), log.DisposeAsync().AsTask());
            await Task.Delay(Soon);
            Assert.Equal((false, false), (first.IsCompleted, second.IsCompleted));
            await transaction.RollbackAsync();
            await Task.WhenAll(first, second).WaitAsync(Eventually.DefaultLimit);
        }

        Assert.Equal(1L, await database.ScalarAsync<long>("select count(*) from event_log where is_closed"));
    }

    [Fact]
    public void A_bug_is_not_reported_as_an_error_of_the_database()
    {
        var line = PostgresLogErrors.Describe(new InvalidOperationException("Object reference not set"));

        Assert.DoesNotContain("database", line, StringComparison.Ordinal);
        Assert.Contains("internal error", line, StringComparison.Ordinal);
        Assert.Contains(nameof(InvalidOperationException), line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_session_changes_no_setting_and_opens_and_closes_durably_under_any_database_setting()
    {
        await using var database = await PostgresLog.CreateAsync();
        await (await database.OpenAsync()).DisposeAsync();
        await database.ExecuteAsync(
            """
            create table seen (setting text);
            create function note() returns trigger language plpgsql as $$
            begin insert into seen values (current_setting('synchronous_commit')); return null; end $$;
            create constraint trigger note after insert or update on event_log deferrable initially deferred for each row execute function note();
            """);
        await using var single = NpgsqlDataSource.Create(
            database.ConnectionString + ";Options=-c synchronous_commit=off;Maximum Pool Size=1;No Reset On Close=true");
        var (session, _) = await Writing.LogSession.OpenAsync(single, null, "test", CancellationToken.None);
        await session.CloseLogAsync(CancellationToken.None);
        await session.DisposeAsync();
        await using var left = single.CreateCommand("show synchronous_commit");
        Assert.Equal("off", await left.ExecuteScalarAsync());
        Assert.Equal("on,on", await database.ScalarAsync<string>("select string_agg(setting, ',') from seen"));
    }

    /// <summary>Blocks the first log message until released, and counts messages.</summary>
    private sealed class SlowSink : ILoggerFactory, ILogger
    {
        private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly ManualResetEventSlim _released = new();
        private int _lines;

        public Task Reached => _reached.Task;

        public int Lines => _lines;

        public void Release() => _released.Set();

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            Interlocked.Increment(ref _lines);
            _reached.TrySetResult();
            _released.Wait(Eventually.DefaultLimit * 2);
        }

        public void Dispose() => _released.Dispose();
    }
}
