using System.Diagnostics;
using System.Net;
using Npgsql;
using RevenueAspire.EventLog;
using RevenueAspire.Testing;

namespace RevenueAspire.Api.Tests.Reads;

/// <summary><c>?after=</c>, with either engine of the log.</summary>
public abstract class ReadYourWritesTests : IDisposable
{
    private readonly LogPlace _place;

    private protected ReadYourWritesTests(LogEngine engine) => _place = new LogPlace(engine);

    public void Dispose()
    {
        _place.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task A_read_after_a_receipt_waits_until_it_is_in_the_ledger()
    {
        var database = await _place.DatabaseAsync();
        await using var api = await _place.StartAsync("Api:ReadAfterTimeout=00:00:30");
        var receipt = (await api.PostEventAsync(Sample.Add("user1", 27))).Receipt;

        var reads = Enumerable.Range(0, 50).Select(_ => api.GetAsync($"/userEvents/user1?after={receipt}")).ToList();
        await Task.Delay(300);
        Assert.All(reads, read => Assert.False(read.IsCompleted));
        await Processor.ApplyAsync(api, database);

        foreach (var read in reads)
        {
            Assert.Equal("""{"userId":"user1","revenue":27}""", (await read).Expect(HttpStatusCode.OK).Body);
        }

        Assert.Equal("""{"userId":"user1","revenue":27}""", (await api.GetAsync($"/userEvents?userId=user1&after={Uri.EscapeDataString(receipt!)}")).Body);
    }

    [Fact]
    public async Task A_read_after_a_receipt_waits_for_the_workers_of_a_distributed_ledger()
    {
        var connectionString = await _place.DatabaseAsync();
        await using var api = await _place.StartAsync("Api:ReadAfterTimeout=00:00:30");
        var receipt = (await api.PostEventAsync(Sample.Add("user1", 27))).Receipt;
        await Processor.ApplyAsync(api, connectionString);
        await using var database = NpgsqlDataSource.Create(connectionString);
        var name = $"citus_0_{Guid.NewGuid():N}";
        await ExecuteAsync($"{DistributedForm.Script}; insert into pg_dist_transaction values ('{name}')");
        await ExecuteAsync($"begin; update users_revenue set revenue = revenue + 100; prepare transaction '{name}'");

        // At this point, the watermark is visible, but a sum is not.
        var read = api.GetAsync($"/userEvents/user1?after={receipt}");
        await Task.Delay(300);
        Assert.False(read.IsCompleted);
        Assert.Equal("""{"userId":"user1","revenue":27}""", (await api.GetAsync("/userEvents/user1")).Expect(HttpStatusCode.OK).Body);
        await ExecuteAsync($"commit prepared '{name}'");
        Assert.Equal("""{"userId":"user1","revenue":127}""", (await read).Expect(HttpStatusCode.OK).Body);

        async Task ExecuteAsync(string sql)
        {
            await using var command = database.CreateCommand(sql);
            await command.ExecuteNonQueryAsync();
        }
    }

    [Fact]
    public async Task A_read_that_is_not_ready_in_time_is_503_with_retry_after()
    {
        await _place.DatabaseAsync();
        await using var api = await _place.StartAsync("Api:ReadAfterTimeout=00:00:00.3");
        var receipt = (await api.PostEventAsync(Sample.Plain)).Receipt;
        var clock = Stopwatch.StartNew();

        (await api.GetAsync($"/userEvents/user1?after={receipt}")).ExpectProblem(503, "after");

        Assert.InRange(clock.ElapsedMilliseconds, 250, 30_000);
    }

    [Fact]
    public async Task The_record_itself_must_be_applied_not_only_those_before_it()
    {
        var database = await _place.DatabaseAsync();
        await using var api = await _place.StartAsync("Api:ReadAfterTimeout=00:00:00.3");
        var first = (await api.PostEventAsync(Sample.Plain)).Receipt;
        await Processor.ApplyAsync(api, database);
        var second = (await api.PostEventAsync(Sample.Plain)).Receipt;

        (await api.GetAsync($"/userEvents/user1?after={first}")).Expect(HttpStatusCode.OK);
        (await api.GetAsync($"/userEvents/user1?after={second}")).ExpectProblem(503, "after");
    }

    [Theory]
    [InlineData("nonsense", 400)]
    [InlineData("", 400)]
    [InlineData("{log}", 400)]
    [InlineData("{log}:", 400)]
    [InlineData("{log}:-1", 400)]
    [InlineData("{log}:00", 400)]
    [InlineData("{log}:0&after={log}:0", 400)]
    [InlineData("{log}:%zz", 400)]
    [InlineData("00000000000000000000000000000000:0", 404)]
    [InlineData("{log}:1", 404)]
    [InlineData("{log}:{mark}", 404)]
    [InlineData("{log}:9223372036854775807", 404)]
    public async Task A_receipt_that_names_no_record_of_this_log_is_refused_at_once(string after, int status)
    {
        await using var api = await _place.StartAsync("Api:ReadAfterTimeout=00:05:00");
        (await api.PostEventAsync(Sample.Plain)).Expect(HttpStatusCode.Accepted);

        var text = after.Replace("{log}", api.Log.LogId.ToString("N"), StringComparison.Ordinal)
            .Replace("{mark}", $"{api.Log.DurableMark}", StringComparison.Ordinal);

        (await api.GetAsync("/userEvents/user1?after=" + text)).ExpectProblem(status, "after");
    }
}

public sealed class ReadYourWritesInFilesTests() : ReadYourWritesTests(LogEngine.File);

public sealed class ReadYourWritesInPostgresTests() : ReadYourWritesTests(LogEngine.Postgres);
