using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using RevenueAspire.LocalPostgres;
using RevenueAspire.Postgres;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Postgres.Tests;

/// <summary>Rules R1, R2 and R4, on a server whose only synchronous standby does not exist: each commit waits until the setting is reset.</summary>
public sealed class QuorumTests : IAsyncLifetime
{
    private const int CommandSeconds = 1;
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(300);

    private readonly TempDirectory _directory = TempDirectory.ForPostgres();
    private readonly List<EventLogWriter> _logs = [];
    private LocalPostgresServer? _server;
    private NpgsqlDataSource? _database;

    public async ValueTask InitializeAsync()
    {
        _server = await LocalPostgresServer.StartAsync(
            new LocalPostgresOptions
            {
                DataDirectory = _directory.File("data"),
                Password = "quorum",
                StopWithParent = true,
                Settings = new Dictionary<string, string> { ["fsync"] = "off" },
            },
            CancellationToken.None);
        // A command time-out must not end a wait for the standbys.
        _database = NpgsqlDataSource.Create($"{_server.ConnectionString()};Command Timeout={CommandSeconds}");
    }

    [Fact]
    public async Task R1_an_append_is_acknowledged_only_with_its_quorum_and_the_log_reports_the_wait()
    {
        var log = await OpenAsync();
        await SetStandbysAsync("absent");

        var result = await PostgresLog.AppendAsync(log, "a", "key-a");

        Assert.Equal((AppendStatus.InDoubt, WriterState.Waiting), (result.Status, log.Status.State));
        Assert.Equal("a commit waits for the database's synchronous standbys", log.Status.Reason);
        Assert.Equal(AppendStatus.Unavailable, (await PostgresLog.AppendAsync(log, "b")).Status);

        // The process has not cancelled the wait, so the same commit is confirmed once a standby is available.
        await Task.Delay(TimeSpan.FromSeconds(2 * CommandSeconds));
        Assert.Equal((WriterState.Waiting, 1), (log.Status.State, await ExecuteAsync(Waiting)));

        await SetStandbysAsync("");
        await Eventually.IsTrueAsync(() => log.Status.State == WriterState.Running);
        Assert.Equal(AppendStatus.Repeated, (await PostgresLog.AppendAsync(log, "a", "key-a")).Status);
        Assert.Equal(1, await ExecuteAsync("select count(*) from event_log_key"));
    }

    [Fact]
    public async Task R5_with_a_pooler_the_log_reports_the_wait_of_a_commit()
    {
        Assert.SkipWhen(PgBouncer.Find() is null, "This machine has no PgBouncer.");
        await using var pooler = await PgBouncer.StartAsync(PgBouncer.Find()!, _server!.ConnectionString());
        var settings = new NpgsqlDataSourceBuilder(pooler.ConnectionString);
        var check = new SessionCheck(settings.ConnectionStringBuilder);
        await using var through = settings.UsePhysicalConnectionInitializer(check.Run, check.RunAsync).Build();
        await using var log = await OpenAsync(database: through);
        await SetStandbysAsync("absent");

        Assert.Equal(AppendStatus.InDoubt, (await PostgresLog.AppendAsync(log, "a", "key-a")).Status);

        await Eventually.EqualsAsync((WriterState.Waiting, "a commit waits for the database's synchronous standbys"), () => Task.FromResult(log.Status));
        await SetStandbysAsync("");
        await Eventually.IsTrueAsync(() => log.Status.State == WriterState.Running);
    }

    [Fact]
    public async Task R1_an_append_with_a_cancelled_wait_is_in_doubt_until_a_later_commit_has_its_quorum()
    {
        var log = await OpenAsync();
        await SetStandbysAsync("absent");
        var appended = PostgresLog.AppendAsync(log, "a");

        await CancelWaitsAsync();

        Assert.Equal(AppendStatus.InDoubt, (await appended).Status);
        Assert.NotEqual(WriterState.Running, log.Status.State);
        await SetStandbysAsync("");
        await Eventually.IsTrueAsync(() => log.Status.State == WriterState.Running);
        Assert.Equal(AppendStatus.Appended, (await PostgresLog.AppendAsync(log, "b")).Status);
    }

    [Fact]
    public async Task R1_an_append_that_reaches_its_quorum_while_its_caller_waits_is_acknowledged()
    {
        var log = await OpenAsync(patience: TimeSpan.FromMinutes(1));
        await SetStandbysAsync("absent");
        var appended = PostgresLog.AppendAsync(log, "a");
        await CancelWaitsAsync();
        await SetStandbysAsync("");

        Assert.Equal(AppendStatus.Appended, (await appended).Status);
    }

    [Fact]
    public async Task R1_a_reader_does_not_return_bytes_that_may_be_on_only_one_machine()
    {
        var log = await OpenAsync();
        var first = await PostgresLog.AppendAsync(log, "a");
        using var reader = PostgresLogReader.Open(_database!, first.Receipt.LogId);
        var end = reader.ReadDurableMark();
        await SetStandbysAsync("absent");
        var appended = PostgresLog.AppendAsync(log, "b");
        await CancelWaitsAsync();
        Assert.Equal(AppendStatus.InDoubt, (await appended).Status);
        Assert.True(await ExecuteAsync("select max(end_offset) from event_log") > end);

        Assert.Contains("standbys", Assert.Throws<IOException>(() => reader.ReadDurableMark()).Message, StringComparison.Ordinal);
        Assert.Throws<IOException>(() => reader.Read(end, new byte[100]));

        await SetStandbysAsync("");
        Assert.True(reader.ReadDurableMark() > end);
    }

    [Fact]
    public async Task R2_a_known_key_is_not_answered_while_its_commit_may_be_on_only_one_machine()
    {
        var (first, second) = (await OpenAsync(), await OpenAsync());
        await SetStandbysAsync("absent");
        var appended = PostgresLog.AppendAsync(first, "a", "key-a");
        // From now on the commit is visible to others, but on only one machine.
        await CancelWaitsAsync();
        Assert.Equal(AppendStatus.InDoubt, (await appended).Status);

        Assert.Equal(AppendStatus.InDoubt, (await PostgresLog.AppendAsync(second, "a", "key-a")).Status);

        await SetStandbysAsync("");
        await Eventually.IsTrueAsync(() => second.Status.State == WriterState.Running);
        Assert.Equal(AppendStatus.Repeated, (await PostgresLog.AppendAsync(second, "a", "key-a")).Status);
    }

    [Theory]
    [InlineData("remote_apply", "remote_apply")]
    [InlineData("on", "on")]
    [InlineData("local", "on")]
    [InlineData("off", "on")]
    public async Task R4_an_append_raises_synchronous_commit_and_never_lowers_it(string configured, string inForce)
    {
        await ExecuteAsync("create table if not exists seen (setting text)");
        var log = await OpenAsync();
        await ExecuteAsync(
            "create or replace function note() returns trigger language plpgsql as $$ begin insert into seen values (current_setting('synchronous_commit')); "
            + "return null; end $$");
        // Deferred, so it runs at the commit, under the setting that applies to the commit.
        await ExecuteAsync("create constraint trigger note after insert on event_log_batch deferrable initially deferred for each row execute function note()");
        await ExecuteAsync($"alter system set synchronous_commit = '{configured}'");
        await ReloadAsync("synchronous_commit", configured);

        Assert.Equal(AppendStatus.Appended, (await PostgresLog.AppendAsync(log, "a")).Status);

        Assert.Equal(1, await ExecuteAsync($"select count(*) from seen where setting = '{inForce}'"));
    }

    [Fact]
    public async Task A_stop_does_not_wait_for_a_standby_and_cancels_nothing()
    {
        var log = await OpenAsync();
        await SetStandbysAsync("absent");
        var appended = PostgresLog.AppendAsync(log, "a");
        await Eventually.IsTrueAsync(async () => await ExecuteAsync(Waiting) == 1);

        await log.DisposeAsync();

        Assert.Equal(AppendStatus.InDoubt, (await appended).Status);
        Assert.Equal(1, await ExecuteAsync(Waiting));
    }

    private const string Waiting = "select count(*) from pg_stat_activity where wait_event = 'SyncRep' and query like '%event_log_batch%'";

    public async ValueTask DisposeAsync()
    {
        await SetStandbysAsync("");
        foreach (var log in _logs)
        {
            await log.DisposeAsync();
        }

        await _database!.DisposeAsync();
        await _server!.DisposeAsync();
        _directory.Dispose();
    }

    private async Task<EventLogWriter> OpenAsync(TimeSpan? patience = null, NpgsqlDataSource? database = null)
    {
        var log = PostgresLogStore.StartWriter(
            database ?? _database!, new EventLogOptions(), NullLoggerFactory.Instance, TimeSpan.FromMinutes(1), patience ?? Soon);
        _logs.Add(log);
        await Eventually.IsTrueAsync(() => log.Status.State == WriterState.Running);
        return log;
    }

    private Task CancelWaitsAsync() => Eventually.IsTrueAsync(
        async () => await ExecuteAsync("select count(pg_cancel_backend(pid)) from pg_stat_activity where wait_event = 'SyncRep'") > 0);

    private async Task SetStandbysAsync(string names)
    {
        await ExecuteAsync($"alter system set synchronous_standby_names = '{names}'");
        await ReloadAsync("synchronous_standby_names", names);
        // Backends reload settings one at a time, so poll until commits wait, or no longer wait.
        await Eventually.IsTrueAsync(async () => await ProbeAsync() == (names.Length > 0));
    }

    /// <summary>Whether a commit waits.</summary>
    private async Task<bool> ProbeAsync()
    {
        await using var probe = _database!.CreateCommand("select pg_logical_emit_message(true, 'test', '')");
        using var limit = new CancellationTokenSource(Soon);
        try
        {
            await probe.ExecuteScalarAsync(limit.Token);
            return limit.IsCancellationRequested;
        }
        catch (OperationCanceledException)
        {
            return true;
        }
    }

    private async Task ReloadAsync(string setting, string value)
    {
        await ExecuteAsync("select pg_reload_conf()::int::bigint");
        await Eventually.IsTrueAsync(async () => await ExecuteAsync($"select count(*) from pg_settings where name = '{setting}' and setting = '{value}'") == 1);
    }

    private async Task<long> ExecuteAsync(string sql)
    {
        await using var command = _database!.CreateCommand(sql);
        return await command.ExecuteScalarAsync() is long value ? value : 0;
    }
}
