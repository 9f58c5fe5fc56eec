using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Npgsql;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Postgres.Tests;

/// <summary>The writer's connection breaks, hangs or is taken over: effects on waiting callers and on the rest of the process.</summary>
public sealed class SessionTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(200);

    [Fact]
    public async Task An_append_that_was_read_back_is_answered_without_another_append()
    {
        await using var database = await PostgresLog.CreateAsync();
        await using var proxy = new FaultProxy(database.ConnectionString);
        await using var through = Through(database, proxy);
        var log = await database.OpenAsync(through: through);
        proxy.AnswersToLose = 1;

        var result = await PostgresLog.AppendAsync(log, "a").WaitAsync(Eventually.DefaultLimit);

        Assert.True(proxy.AnswersToLose <= 0);
        Assert.Equal((AppendStatus.Appended, new Receipt(log.LogId, 0)), (result.Status, result.Receipt));
        Assert.Equal(1, (await database.CountByUserAsync())["a"]);
    }

    [Fact]
    public async Task An_append_in_doubt_waits_only_briefly_for_an_unavailable_database_and_is_settled_later()
    {
        await using var database = await PostgresLog.CreateAsync();
        await using var proxy = new FaultProxy(database.ConnectionString);
        await using var through = Through(database, proxy, "Command Timeout=1;Cancellation Timeout=200;Timeout=1");
        await using var log = PostgresLogStore.StartWriter(through, new EventLogOptions(), new Complaints(), Soon, inDoubtTimeout: Soon);
        await Eventually.IsTrueAsync(() => log.Status.State == WriterState.Running);
        proxy.HoldFromNextAppend();
        var doubtful = PostgresLog.AppendAsync(log, "a", "key");
        await Eventually.IsTrueAsync(() => proxy.Holds);
        var queued = PostgresLog.AppendAsync(log, "b");

        Assert.Equal(AppendStatus.Unavailable, (await queued.WaitAsync(Eventually.DefaultLimit)).Status);
        Assert.Equal(AppendStatus.InDoubt, (await doubtful.WaitAsync(Eventually.DefaultLimit)).Status);
        Assert.Equal(WriterState.Failed, log.Status.State);
        proxy.Holds = false;

        var repeat = default(AppendResult);
        await Eventually.IsTrueAsync(async () => (repeat = await PostgresLog.AppendAsync(log, "a", "key")).Status != AppendStatus.Unavailable);
        Assert.Equal((AppendStatus.Repeated, new Receipt(log.LogId, 0)), (repeat.Status, repeat.Receipt));
        Assert.Equal(AppendStatus.Appended, (await PostgresLog.AppendAsync(log, "c")).Status);
        var counts = await database.CountByUserAsync();
        Assert.Equal((1, 1, 2), (counts["a"], counts["c"], counts.Count));
    }

    [Fact]
    public async Task An_overdue_append_with_a_key_of_another_process_writes_nothing_and_the_log_continues()
    {
        await using var database = await PostgresLog.CreateAsync();
        var complaints = new Complaints();
        await using var log = PostgresLogStore.StartWriter(database.Database, new EventLogOptions(), complaints, TimeSpan.FromMinutes(1), inDoubtTimeout: Soon);
        await Eventually.IsTrueAsync(() => log.Status.State == WriterState.Running);
        await PostgresLog.AppendAsync(log, "a", "first");
        await using var other = await database.Database.OpenConnectionAsync();
        await using var writing = await other.BeginTransactionAsync();
        await using (var write = new NpgsqlCommand(
            "insert into event_log_key (key_hash, body_hash, log_id, record_offset, record_count, rejected_count) select $1, body_hash, log_id, record_offset, "
            + "1, 0 from event_log_key", other, writing)
        {
            Parameters = { new() { Value = Writing.KeyRows.Bytes(PostgresLog.Group("a", "second").KeyHash) } },
        })
        {
            Assert.Equal(1, await write.ExecuteNonQueryAsync());
        }

        var overdue = await PostgresLog.AppendAsync(log, "a", "second").WaitAsync(Eventually.DefaultLimit);
        await writing.CommitAsync();
        await Eventually.IsTrueAsync(() => log.Status.State == WriterState.Running);

        Assert.Equal(AppendStatus.InDoubt, overdue.Status);
        Assert.Equal(AppendStatus.Repeated, (await PostgresLog.AppendAsync(log, "a", "second")).Status);
        Assert.Equal(AppendStatus.Appended, (await PostgresLog.AppendAsync(log, "b")).Status);
        Assert.Equal((1, 1), ((await database.CountByUserAsync())["a"], (await database.CountByUserAsync())["b"]));
        Assert.Empty(complaints.Errors);
    }

    [Fact]
    public async Task An_append_of_a_killed_session_does_not_wait_for_a_blocked_take_over_and_is_settled_once()
    {
        await using var database = await PostgresLog.CreateAsync();
        var log = await database.OpenAsync();
        await PostgresLog.AppendAsync(log, "a");
        await using var holder = await database.Database.OpenConnectionAsync();
        await using var held = await holder.BeginTransactionAsync();
        await using (var hold = new NpgsqlCommand("select from event_log for update", holder, held))
        {
            await hold.ExecuteNonQueryAsync();
        }

        // The append waits for the row when its backend is killed. The next session's take-over waits for the same row.
        var doubtful = PostgresLog.AppendAsync(log, "b", "key");
        await Eventually.IsTrueAsync(() => database.ScalarAsync<bool>(
            "select coalesce(bool_or(pg_terminate_backend(pid)), false) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' "
            + "and query like '%event_log_batch%'"));

        // This is less than the command time-out of 30 s.
        Assert.Equal(AppendStatus.InDoubt, (await doubtful.WaitAsync(TimeSpan.FromSeconds(20))).Status);
        await held.RollbackAsync();
        var repeat = default(AppendResult);
        await Eventually.IsTrueAsync(
            async () => (repeat = await PostgresLog.AppendAsync(log, "b", "key")).Status is AppendStatus.Appended or AppendStatus.Repeated);
        Assert.Equal((1, 1), ((await database.CountByUserAsync())["a"], (await database.CountByUserAsync())["b"]));
    }

    [Fact]
    public async Task Waiting_appends_are_refused_when_the_log_was_closed_and_the_database_is_unavailable()
    {
        await using var database = await PostgresLog.CreateAsync();
        var name = new NpgsqlConnectionStringBuilder(database.ConnectionString).Database;
        await using var admin = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(database.ConnectionString) { Database = "postgres" }.ConnectionString);
        await using var through = NpgsqlDataSource.Create(database.ConnectionString + ";Pooling=false");
        var log = await database.OpenAsync(through: through);
        await database.ExecuteAsync("update event_log set is_closed = true, epoch = epoch + 1");
        await using (var refuse = admin.CreateCommand($"alter database {name} allow_connections false"))
        {
            await refuse.ExecuteNonQueryAsync();
        }

        var results = await Task.WhenAll(Enumerable.Range(0, 5).Select(i => PostgresLog.AppendAsync(log, "a", $"k{i}"))).WaitAsync(Eventually.DefaultLimit);

        Assert.All(results, result => Assert.Equal(AppendStatus.Unavailable, result.Status));
        await using (var allow = admin.CreateCommand($"alter database {name} allow_connections true"))
        {
            await allow.ExecuteNonQueryAsync();
        }

        await Eventually.IsTrueAsync(() => log.Status.State == WriterState.Running);
        Assert.Equal(AppendStatus.Appended, (await PostgresLog.AppendAsync(log, "a", "k0")).Status);
        Assert.Equal(1, (await database.CountByUserAsync())["a"]);
    }

    [Fact]
    public async Task A_stop_does_not_wait_for_a_hanging_connection()
    {
        await using var database = await PostgresLog.CreateAsync();
        await using var proxy = new FaultProxy(database.ConnectionString);
        await using var through = Through(database, proxy, "Command Timeout=0;Cancellation Timeout=500;Timeout=3");
        var log = await database.OpenAsync(through: through);
        await PostgresLog.AppendAsync(log, "a");
        proxy.HoldFromNextAppend();
        var append = PostgresLog.AppendAsync(log, "b");
        await Eventually.IsTrueAsync(() => proxy.Holds);

        await log.DisposeAsync().AsTask().WaitAsync(Eventually.DefaultLimit);

        Assert.Equal(AppendStatus.InDoubt, (await append).Status);
        Assert.Equal(WriterState.Stopped, log.Status.State);
    }

    [Fact]
    public async Task An_idle_process_whose_log_was_closed_begins_another()
    {
        await using var database = await PostgresLog.CreateAsync();
        var complaints = new Complaints();
        await using var log = PostgresLogStore.StartWriter(database.Database, new EventLogOptions(), complaints, Soon);
        await Eventually.IsTrueAsync(() => log.Status.State == WriterState.Running);
        var first = (await PostgresLog.AppendAsync(log, "a")).Receipt.LogId;
        await database.ExecuteAsync("update event_log set is_closed = true, epoch = epoch + 1");

        await Eventually.IsTrueAsync(() => log.Status.State == WriterState.Running && log.LogId != first);

        Assert.Equal(AppendStatus.Appended, (await PostgresLog.AppendAsync(log, "b")).Status);
        Assert.Equal("", string.Join('\n', complaints.Errors));
    }

    [Theory]
    [InlineData(200)]
    [InlineData(1)]
    public async Task A_removed_empty_log_is_not_reported_as_a_replaced_database(int millisecondsBetweenSignsOfLife)
    {
        await using var database = await PostgresLog.CreateAsync();
        var complaints = new Complaints();
        await using var log = PostgresLogStore.StartWriter(
            database.Database, new EventLogOptions(), complaints, TimeSpan.FromMilliseconds(millisecondsBetweenSignsOfLife));
        await Eventually.IsTrueAsync(() => log.Status.State == WriterState.Running);
        var first = log.LogId;
        await database.ExecuteAsync("delete from event_log");

        await Eventually.IsTrueAsync(() => log.Status.State == WriterState.Running && log.LogId != first);

        Assert.Equal("", string.Join('\n', complaints.Errors));
    }

    [Fact]
    public async Task The_writer_needs_only_one_connection()
    {
        await using var database = await PostgresLog.CreateAsync();
        await using var one = NpgsqlDataSource.Create(database.ConnectionString + ";Maximum Pool Size=1;Timeout=1");
        var complaints = new Complaints();
        await using var log = PostgresLogStore.StartWriter(one, new EventLogOptions(), complaints, Soon);
        await Eventually.IsTrueAsync(() => log.Status.State == WriterState.Running);

        Assert.Equal(AppendStatus.Appended, (await PostgresLog.AppendAsync(log, "a", "key")).Status);
        Assert.Equal("", string.Join('\n', complaints.Errors));
    }

    [Fact]
    public async Task L9_ReadKeysAsync_returns_the_current_state_of_the_database()
    {
        await using var database = await PostgresLog.CreateAsync();
        await using var log = PostgresLogStore.StartWriter(database.Database, new EventLogOptions(), new Complaints());
        await Eventually.IsTrueAsync(() => log.Status.State == WriterState.Running);
        await using var other = PostgresLogStore.StartWriter(database.Database, new EventLogOptions(), new Complaints());
        await Eventually.IsTrueAsync(() => other.Status.State == WriterState.Running);
        var before = await log.ReadKeysAsync(CancellationToken.None);

        Assert.Equal(AppendStatus.Appended, (await PostgresLog.AppendAsync(other, "a", "key")).Status);
        var after = await log.ReadKeysAsync(CancellationToken.None);

        Assert.Equal(before with { Through = before.Through + 1 }, after);
        Assert.Equal(after, await other.ReadKeysAsync(CancellationToken.None));
    }

    [Fact]
    public async Task A_commit_is_synchronous_even_if_the_session_setting_was_changed()
    {
        await using var database = await PostgresLog.CreateAsync();
        var (session, _) = await Writing.LogSession.OpenAsync(database.Database, null, "test", CancellationToken.None);
        await using var mine = session;
        await database.ExecuteAsync(
            """
            create table seen (setting text);
            create function note() returns trigger language plpgsql as $$
            begin insert into seen values (current_setting('synchronous_commit')); return null; end $$;
            create constraint trigger note after insert on event_log_batch deferrable initially deferred for each row execute function note();
            """);
        await session.ExecuteAsync("set synchronous_commit = off", CancellationToken.None);
        var keyed = RevenueAspire.EventLog.Writing.PendingAppend.Rent(PostgresLog.Group("a", "key"));
        using var plain = Writing.Batch.Of(0, "{}\n"u8);
        Assert.True((await session.AppendAsync(plain)).Moved);
        using var withKey = Writing.Batch.Render(session.LogId, session.End, [keyed]);
        Assert.True((await session.AppendAsync(withKey)).Moved);

        Assert.Equal("on,on", await database.ScalarAsync<string>("select string_agg(setting, ',') from seen"));
    }

    private static NpgsqlDataSource Through(PostgresLog database, FaultProxy proxy, string settings = "") =>
        NpgsqlDataSource.Create(proxy.Through(database.ConnectionString + ";" + settings));

    /// <summary>Collects log messages of level Error and above.</summary>
    private sealed class Complaints : ILoggerFactory, ILogger
    {
        public ConcurrentQueue<string> Errors { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public void Dispose()
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (logLevel >= LogLevel.Error)
            {
                Errors.Enqueue(formatter(state, exception) + exception);
            }
        }
    }
}
