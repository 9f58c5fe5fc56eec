using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;
using RevenueAspire.Api.Hosting;
using RevenueAspire.Api.Reads;
using RevenueAspire.EventLog;
using RevenueAspire.EventLog.Postgres;
using RevenueAspire.LocalPostgres;

namespace RevenueAspire.Api.Tests.Reads;

/// <summary>Rule L10 with a real ledger: <c>EventLog:Retention=applied</c>.</summary>
public sealed class RetentionTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("applied")]
    [InlineData("off")]
    public async Task L10_applied_segments_are_removed_if_the_setting_is_applied(string retention)
    {
        var database = await TestPostgres.CreateDatabaseAsync();
        await using var api = await ApiHost.StartAsync(
            _directory, database, $"EventLog:Retention={retention}", "EventLog:RetainBytes=0", "EventLog:SegmentBytes=65536");
        var lines = string.Join('\n', Enumerable.Range(0, 1000).Select(number => Sample.Add($"user{number}", 1)));
        var receipts = new List<string?>();
        for (var i = 0; i < 5; i++)
        {
            receipts.Add((await api.PostEventsAsync(lines)).Expect(HttpStatusCode.Accepted).Receipt);
        }

        var before = Segments(api);
        await Task.Delay(TimeSpan.FromSeconds(3));
        Assert.Equal(before, Segments(api));

        await Processor.ApplyAsync(api, database);
        if (retention == "off")
        {
            await Task.Delay(TimeSpan.FromSeconds(3));
            Assert.Equal(before, Segments(api));
        }
        else
        {
            await Eventually.IsTrueAsync(() => Segments(api) < before);
            Assert.True(api.Files!.FirstOffset > 0);
        }

        // The receipts of removed events still report that the events were applied.
        Assert.Equal("""{"state":"applied"}""", (await api.GetAsync("/receipts/" + receipts[0])).Expect(HttpStatusCode.OK).Body);
        (await api.PostEventAsync(Sample.Plain)).Expect(HttpStatusCode.Accepted);
    }

    [Fact]
    public async Task R1_segments_stay_until_the_standbys_have_the_applied_events()
    {
        using var place = TempDirectory.ForPostgres();
        var settings = new Dictionary<string, string> { ["fsync"] = "off" };
        await using var server = await LocalPostgresServer.StartAsync(
            new LocalPostgresOptions { DataDirectory = place.File("data"), Password = "retention", StopWithParent = true, Settings = settings },
            CancellationToken.None);
        await using var database = NpgsqlDataSource.Create(server.ConnectionString());
        async Task<object?> ExecuteAsync(string sql)
        {
            await using var command = database.CreateCommand(sql);
            return await command.ExecuteScalarAsync();
        }

        await using var api = await ApiHost.StartAsync(
            _directory, server.ConnectionString(), "EventLog:Retention=applied", "EventLog:RetainBytes=0", "EventLog:SegmentBytes=65536");
        var lines = string.Join('\n', Enumerable.Range(0, 1000).Select(number => Sample.Add($"user{number}", 1)));
        for (var i = 0; i < 5; i++)
        {
            (await api.PostEventsAsync(lines)).Expect(HttpStatusCode.Accepted);
        }

        var before = Segments(api);
        await Eventually.EqualsAsync("Healthy", async () => (await api.GetAsync("/health")).Json.GetProperty("status").GetString());
        await ExecuteAsync("alter system set synchronous_standby_names = 'absent'");
        await ExecuteAsync("select pg_reload_conf()");

        // Cancel each wait for the standbys. Then only this server has the applied events.
        const string ofBarrier = "wait_event = 'SyncRep' and query like '%pg_logical_emit_message%'";
        var applying = Processor.ApplyAsync(api, server.ConnectionString());
        while (!applying.IsCompleted)
        {
            await ExecuteAsync($"select count(pg_cancel_backend(pid)) from pg_stat_activity where wait_event = 'SyncRep' and not ({ofBarrier})");
            await Task.Delay(20);
        }

        await applying;
        await Eventually.EqualsAsync<object?>(1L, () => ExecuteAsync($"select count(*) from pg_stat_activity where {ofBarrier}"));
        await Task.Delay(api.Log.Retention.Interval);
        Assert.Equal(before, Segments(api));

        await ExecuteAsync("alter system reset synchronous_standby_names");
        await ExecuteAsync("select pg_reload_conf()");
        await Eventually.IsTrueAsync(() => Segments(api) < before);
    }

    [Fact]
    public async Task L10_in_Postgres_applied_rows_are_removed_and_their_receipts_stay_valid()
    {
        using var place = new LogPlace(LogEngine.Postgres);
        var database = await place.DatabaseAsync();
        await using var api = await place.StartAsync("EventLog:Retention=applied", "EventLog:RetainBytes=0");
        var lines = string.Join('\n', Enumerable.Range(0, 1000).Select(number => Sample.Add($"user{number}", 1)));
        var receipts = new List<string?>();
        for (var i = 0; i < 5; i++)
        {
            receipts.Add((await api.PostEventsAsync(lines)).Expect(HttpStatusCode.Accepted).Receipt);
        }

        // The API does this every twenty seconds.
        var logRetention = new PostgresLogRetention(
            api.Services.GetRequiredService<NpgsqlDataSource>(), api.Services.GetRequiredService<IOptions<EventLogOptions>>().Value,
            NullLogger<PostgresLogRetention>.Instance);
        await Eventually.EqualsAsync(404, async () => (await api.GetAsync("/userEvents/unknown")).Status);
        await logRetention.RemoveAppliedAsync(api.Services.GetRequiredService<LedgerReader>().FindAppliedThroughAsync, CancellationToken.None);
        Assert.Equal(5_000, api.Records().Count);
        await Processor.ApplyAsync(api, database);
        await logRetention.RemoveAppliedAsync(api.Services.GetRequiredService<LedgerReader>().FindAppliedThroughAsync, CancellationToken.None);

        Assert.InRange(api.Records().Count, 1_000, 4_000);
        Assert.Equal("""{"state":"applied"}""", (await api.GetAsync("/receipts/" + receipts[0])).Expect(HttpStatusCode.OK).Body);
        (await api.PostEventAsync(Sample.Plain)).Expect(HttpStatusCode.Accepted);
        Assert.Equal("""{"userId":"user7","revenue":5}""", (await api.GetAsync($"/userEvents/user7?after={receipts[0]}")).Expect(HttpStatusCode.OK).Body);
    }

    private static int Segments(ApiHost api) => Directory.GetFiles(api.LogDirectory, "*.jsonl").Length;
}
