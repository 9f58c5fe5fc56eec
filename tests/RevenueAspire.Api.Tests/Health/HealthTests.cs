using System.Net;

namespace RevenueAspire.Api.Tests.Health;

public sealed class HealthTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Only_a_caller_that_may_send_sees_the_state_of_the_log()
    {
        await using var api = await ApiHost.StartAsync(_directory, null, "Ingest:ReadSecrets=reader");
        (await api.PostEventAsync(Sample.Plain)).Expect(HttpStatusCode.Accepted);

        var state = (await api.GetAsync("/liveEvents/state")).Expect(HttpStatusCode.OK).Json;

        Assert.Equal(api.Log.LogId.ToString("N"), state.GetProperty("id").GetString());
        Assert.Equal(api.Log.DurableMark, state.GetProperty("durableMark").GetInt64());
        Assert.Equal(0, state.GetProperty("keysFrom").GetInt64());
        Assert.Equal(1_000_000, state.GetProperty("keyWindow").GetInt32());
        Assert.False(state.GetProperty("keysShared").GetBoolean());
        (await api.GetAsync("/liveEvents/state", ("Authorization", null))).ExpectProblem(401, "Authorization");
        (await api.GetAsync("/liveEvents/state", ("Authorization", "reader"))).ExpectProblem(401, "Authorization");
    }

    [Theory]
    [InlineData("", "Production", null, false)]
    [InlineData("", "Production", "wrong", false)]
    [InlineData("", "Production", ApiHost.Secret, true)]
    [InlineData("", "Development", null, true)]
    [InlineData("reader", "Development", null, false)]
    [InlineData("reader", "Production", null, false)]
    [InlineData("reader", "Production", ApiHost.Secret, false)]
    [InlineData("reader", "Production", "reader", true)]
    public async Task Only_a_caller_with_the_right_to_read_sees_more_than_status_words(string reader, string environment, string? secret, bool details)
    {
        string[] settings = ["environment=" + environment, .. reader.Length > 0 ? (string[])["Ingest:ReadSecrets=" + reader] : []];
        await using var api = await ApiHost.StartAsync(_directory, null, settings);
        Directory.Delete(api.LogDirectory, recursive: true);
        (await api.PostEventAsync(Sample.Plain)).ExpectProblem(503, null);

        var health = (await api.GetAsync("/health", ("Authorization", secret))).Expect(HttpStatusCode.ServiceUnavailable);

        Assert.Equal("Unhealthy", health.Json.GetProperty("checks").GetProperty("log").GetProperty("status").GetString());
        Assert.Equal(details, health.Body.Contains(_directory.File(""), StringComparison.Ordinal));
        Assert.Equal(details, health.Json.GetProperty("checks").GetProperty("log").TryGetProperty("data", out _));
        if (!details)
        {
            Assert.Equal("""{"status":"Unhealthy","checks":{"self":{"status":"Healthy"},"log":{"status":"Unhealthy"},"database":{"status":"Degraded"}}}""",
                health.Body);
        }
    }

    [Fact]
    public async Task Health_shows_the_storage_of_the_log()
    {
        var database = await TestPostgres.CreateDatabaseAsync();
        await using var api = await ApiHost.StartAsync(_directory, database);
        await Eventually.EqualsAsync("Healthy", async () => (await api.GetAsync("/health")).Json.GetProperty("status").GetString());

        var checks = (await api.GetAsync("/health")).Expect(HttpStatusCode.OK).Json.GetProperty("checks");

        var log = checks.GetProperty("log");
        Assert.Equal("Healthy", log.GetProperty("status").GetString());
        Assert.True(log.GetProperty("data").GetProperty("openingFsyncMilliseconds").GetDouble() > 0);
        Assert.NotEqual("", log.GetProperty("data").GetProperty("fileSystem").GetString());
        Assert.Equal("Healthy", checks.GetProperty("database").GetProperty("status").GetString());
    }

    [Fact]
    public async Task Alive_checks_neither_log_nor_database()
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var answer = (await api.GetAsync("/alive")).Expect(HttpStatusCode.OK);

        Assert.Equal(["self"], answer.Json.GetProperty("checks").EnumerateObject().Select(check => check.Name));
    }

    [Fact]
    public async Task Without_a_database_the_api_is_degraded_and_accepts_events()
    {
        await using var api = await ApiHost.StartAsync(_directory);

        Assert.Equal("Degraded", (await api.GetAsync("/health")).Expect(HttpStatusCode.OK).Json.GetProperty("status").GetString());
        (await api.PostEventAsync(Sample.Plain)).Expect(HttpStatusCode.Accepted);
    }

    [Fact]
    public async Task After_the_folder_of_the_log_is_deleted_events_are_503_and_health_reports_it()
    {
        await using var api = await ApiHost.StartAsync(_directory);
        var receipt = (await api.PostEventAsync(Sample.Plain, ("Idempotency-Key", "a"))).Expect(HttpStatusCode.Accepted).Receipt;

        Directory.Delete(api.LogDirectory, recursive: true);

        (await api.PostEventAsync(Sample.Plain)).ExpectProblem(503, null);
        (await api.PostEventAsync(Sample.Plain, ("Idempotency-Key", "a"))).ExpectProblem(503, null);
        (await api.PostEventsAsync(Sample.Plain)).ExpectProblem(503, null);
        await Eventually.EqualsAsync(503, async () => (await api.GetAsync("/receipts/" + receipt)).Status);
        (await api.GetAsync("/receipts/" + receipt)).ExpectProblem(503, null);

        // The API first notices that the open segment is missing, then that log.json is.
        await Eventually.IsTrueAsync(async () => (await api.GetAsync("/health")).Expect(HttpStatusCode.ServiceUnavailable)
            .Json.GetProperty("checks").GetProperty("log").GetProperty("description").GetString()!.Contains("log.json", StringComparison.Ordinal));
        Assert.False(Directory.Exists(api.LogDirectory));
    }

    [Fact]
    public async Task After_the_log_has_failed_health_and_events_are_503()
    {
        await using var api = await ApiHost.StartAsync(_directory);
        (await api.PostEventAsync(Sample.Plain)).Expect(HttpStatusCode.Accepted);

        await api.Log.DisposeAsync();

        var health = (await api.GetAsync("/health")).Expect(HttpStatusCode.ServiceUnavailable);
        Assert.Equal("Unhealthy", health.Json.GetProperty("checks").GetProperty("log").GetProperty("status").GetString());
        (await api.PostEventAsync(Sample.Plain)).ExpectProblem(503, null);
        (await api.PostEventsAsync(Sample.Plain)).ExpectProblem(503, null);
        (await api.GetAsync("/alive")).Expect(HttpStatusCode.OK);
    }
}
