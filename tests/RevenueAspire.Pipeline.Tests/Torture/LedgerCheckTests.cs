using Npgsql;
using RevenueAspire.Testing;
using RevenueAspire.Torture.Checks;
using RevenueAspire.Torture.Load;
using RevenueAspire.Torture.Stage;

namespace RevenueAspire.Pipeline.Tests.Torture;

/// <summary>The check of the tables finds every difference in a real ledger, and none in a correct one.</summary>
public sealed class LedgerCheckTests : IAsyncLifetime
{
    // A folder that the operating-system user of Postgres may enter.
    private readonly DirectoryInfo _folder =
        Directory.CreateDirectory(Path.Combine(TestPostgres.DataRoot, "revenueaspire-test-" + Guid.NewGuid().ToString("N")));
    private readonly List<string> _messages = [];
    private PostgresHost _postgres = null!;
    private Installation _installation = null!;
    private EventFile _file = null!;

    public async ValueTask InitializeAsync()
    {
        _postgres = new PostgresHost(In("postgres"), FreePort.Next(), In("postgres.log"));
        await _postgres.EnsureRunningAsync();
        _installation = new Installation(_postgres.ForServices(_postgres.Port));
        _file = EventFile.Write(In("events.jsonl"), Seed.Random(nameof(LedgerCheckTests)), events: 500, users: 20, badEvery: 5);
        await ProcessAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _installation.DisposeAsync();
        await _postgres.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Each_difference_is_reported_with_its_kind_and_a_correct_ledger_with_none()
    {
        await AssertFindsAsync([]);

        await WithAsync(
            "update users_revenue set revenue = revenue + 1 where user_id = (select min(user_id) from users_revenue)",
            "update users_revenue set revenue = revenue - 1 where user_id = (select min(user_id) from users_revenue)",
            ViolationKind.WrongBalance);
        await WithAsync("insert into users_revenue (user_id, revenue) values ('extra', 0)", "delete from users_revenue where user_id = 'extra'",
            ViolationKind.WrongBalance);
        await WithAsync("update rejected_event set line = line + 1", "update rejected_event set line = line - 1", ViolationKind.Lost, ViolationKind.Other);
        await WithAsync("update event_source_digest set sha256 = sha256 || '\\x00'", "update event_source_digest set sha256 = substr(sha256, 1, 32)",
            ViolationKind.Lost, ViolationKind.WrongBalance, ViolationKind.Other);
        await AssertFindsAsync([]);
    }

    [Fact]
    public async Task A_file_counted_more_often_than_requested_is_a_repeat()
    {
        await ProcessAsync("--again");

        await AssertFindsAsync([ViolationKind.Repeated]);
        await AssertFindsAsync([], new CountedFile(_file) { LeastTimes = 1, MostTimes = 2 });
        await AssertFindsAsync([ViolationKind.Lost], new CountedFile(_file) { LeastTimes = 3, MostTimes = 3 });
    }

    [Fact]
    public async Task A_deadlock_between_statements_of_the_services_is_reported()
    {
        await using var services = NpgsqlDataSource.Create(_postgres.ForServices(_postgres.Port));
        await using var one = await services.OpenConnectionAsync();
        await using var other = await services.OpenConnectionAsync();
        await ExecuteAsync(one, "begin; select pg_advisory_xact_lock(1)");
        await ExecuteAsync(other, "begin; select pg_advisory_xact_lock(2)");
        var first = ExecuteAsync(one, "select pg_advisory_xact_lock(2)");
        var second = ExecuteAsync(other, "select pg_advisory_xact_lock(1)");
        var failure = await Assert.ThrowsAsync<PostgresException>(() => Task.WhenAll(first, second));
        Assert.Equal(PostgresErrorCodes.DeadlockDetected, failure.SqlState);

        // The server writes its log before it answers, but the log's reader needs a moment.
        await Eventually.IsTrueAsync(() => Task.FromResult(_postgres.Deadlocks > 0));
        await AssertFindsAsync([ViolationKind.Deadlock]);
    }

    private string In(string name) => Path.Combine(_folder.FullName, name);

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private async Task ProcessAsync(params string[] options)
    {
        // Exit code 3: counted, with some rejected lines.
        var process = await _installation.RunAsync("RevenueAspire.Processor", ["process", _file.Path, .. options]);
        Assert.True(process.ExitCode == 3, process.Output);
    }

    private async Task WithAsync(string damage, string repair, params ViolationKind[] expected)
    {
        await _postgres.ExecuteAsync(damage);
        await AssertFindsAsync(expected);
        await _postgres.ExecuteAsync(repair);
    }

    /// <summary>Asserts violations of exactly these kinds.</summary>
    private async Task AssertFindsAsync(ViolationKind[] expected, CountedFile? counted = null)
    {
        _messages.Clear();
        var violations = new Violations(_messages.Add);
        await LedgerCheck.RunAsync(_postgres, new Totals(), [counted ?? new CountedFile(_file)], violations);
        Assert.True(Enum.GetValues<ViolationKind>().Where(kind => violations.Count(kind) > 0).SequenceEqual(expected.Order()), string.Join('\n', _messages));
    }
}
