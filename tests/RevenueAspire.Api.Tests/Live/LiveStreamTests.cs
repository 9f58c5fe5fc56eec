using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using RevenueAspire.Api.Live;
using RevenueAspire.Api.Reads;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Tests.Live;

public sealed class LiveStreamTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(LogEngine.File)]
    [InlineData(LogEngine.Postgres)]
    public async Task A_viewer_gets_the_recent_figures_and_then_snapshots_that_follow_the_ledger(LogEngine engine)
    {
        using var place = new LogPlace(engine);
        var database = await place.DatabaseAsync();
        await using var api = await place.StartAsync();
        using var viewer = await LiveViewer.OpenAsync(api);
        Assert.Equal("text/event-stream", viewer.Response.Content.Headers.ContentType!.ToString());
        Assert.Equal("history", (await viewer.NextAsync())!.Value.Name);
        var empty = await viewer.SnapshotAsync(snapshot => snapshot.GetProperty("state").GetString() == "current");
        Assert.Equal(("0", 0, 0), (empty.GetProperty("totalRevenue").GetString(), empty.GetProperty("events").GetInt64(),
            empty.GetProperty("lagBytes").GetInt64()));

        await api.PostEventAsync("""{"userId":"user1","name":"add_revenue","value":9223372036854775807}""");
        await api.PostEventAsync("""{"userId":"user2","name":"subtract_revenue","value":-1000}""");
        await api.PostEventAsync("""{"userId":"user3","name":"add_revenue","value":3}""");
        var lagging = await viewer.SnapshotAsync(snapshot => snapshot.GetProperty("lagBytes").GetInt64() == api.Log.DurableMark);
        Assert.Equal(0, lagging.GetProperty("events").GetInt64());

        await Support.Processor.ApplyAsync(api, database, line => line.Contains("user3", StringComparison.Ordinal));
        var current = await viewer.SnapshotAsync(
            snapshot => snapshot.GetProperty("events").GetInt64() == 2 && snapshot.GetProperty("topUsers").GetProperty("users").GetArrayLength() == 2);
        Assert.Equal(("9223372036854776807", 0, 1),
            (current.GetProperty("totalRevenue").GetString(), current.GetProperty("lagBytes").GetInt64(), current.GetProperty("rejectedLines").GetInt64()));
        var reject = current.GetProperty("latestRejects")[0];
        Assert.Equal((engine == LogEngine.File ? "events" : $"postgres:{api.Log.LogId:N}", 3, "made up by a test"),
            (reject.GetProperty("source").GetString(), reject.GetProperty("line").GetInt64(), reject.GetProperty("reason").GetString()));
        Assert.Equal("user1", current.GetProperty("topUsers").GetProperty("users")[0].GetProperty("userId").GetString());

        // A later viewer gets the earlier figures.
        using var later = await LiveViewer.OpenAsync(api);
        var (name, course) = (await later.NextAsync())!.Value;
        Assert.Equal("history", name);
        Assert.Equal("9223372036854776807", course.GetProperty("totalRevenue").EnumerateArray().Last().GetString());
        Assert.True(course.GetProperty("at").GetArrayLength() >= 3);
    }

    /// <summary>A background service that ends with an error stops the API.</summary>
    [Fact]
    public async Task A_snapshot_that_cannot_be_published_does_not_stop_the_API()
    {
        await using var api = await ApiHost.StartAsync(_directory);
        var entries = new EntryLog();
        using var loggers = LoggerFactory.Create(logging => logging.AddProvider(entries));
        var services = api.Services;
        using var poller = new LedgerPoller(
            services.GetRequiredService<LiveFeed>(), services.GetRequiredService<LedgerReader>(), api.Log, services.GetRequiredService<TopUsers>(),
            new BrokenClock(), loggers.CreateLogger<LedgerPoller>());

        await poller.StartAsync(CancellationToken.None);

        await Eventually.IsTrueAsync(
            () => poller.ExecuteTask!.IsCompleted || entries.Entries.Any(entry => entry.Text.Contains("broken clock", StringComparison.Ordinal)));
        Assert.False(poller.ExecuteTask!.IsCompleted, $"The poller has ended: {poller.ExecuteTask.Exception}");
        await poller.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task All_viewers_share_one_poll_per_interval_and_without_viewers_polls_are_rare()
    {
        var database = await TestPostgres.CreateDatabaseAsync();
        await using var api = await ApiHost.StartAsync(_directory, database);
        var viewers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => LiveViewer.OpenAsync(api)));
        foreach (var viewer in viewers)
        {
            await viewer.SnapshotAsync(_ => true);
        }

        // All viewers see the same snapshots. If each viewer caused a poll, there would be 50 different snapshots per interval.
        var seen = await Task.WhenAll(viewers.Select(async viewer => (await viewer.SnapshotAsync(_ => true)).GetProperty("at").GetInt64()));
        Assert.InRange(seen.Distinct().Count(), 1, 5);
        Assert.Equal(50, api.Services.GetRequiredService<LiveFeed>().Viewers);
        foreach (var viewer in viewers)
        {
            viewer.Dispose();
        }

        await Eventually.EqualsAsync(0, () => Task.FromResult(api.Services.GetRequiredService<LiveFeed>().Viewers));
    }

    [Fact]
    public async Task Without_a_database_the_stream_reports_it()
    {
        await using var api = await ApiHost.StartAsync(_directory);
        using var viewer = await LiveViewer.OpenAsync(api);
        var snapshot = await viewer.SnapshotAsync(_ => true);
        Assert.Equal("databaseAway", snapshot.GetProperty("state").GetString());
        Assert.False(snapshot.TryGetProperty("totalRevenue", out _));
    }

    [Fact]
    public async Task A_viewer_above_the_limit_gets_Retry_After_and_is_accepted_when_another_leaves()
    {
        await using var api = await ApiHost.StartAsync(_directory);
        var feed = api.Services.GetRequiredService<LiveFeed>();
        for (var viewer = 0; viewer < LiveFeed.MaxViewers; viewer++)
        {
            Assert.True(feed.TryAddViewer());
        }

        Assert.Equal("30", (await api.GetAsync("/liveLedger")).ExpectProblem(503, null).Header("Retry-After"));
        feed.RemoveViewer();
        using var next = await LiveViewer.OpenAsync(api);
        Assert.Equal(HttpStatusCode.OK, next.Response.StatusCode);
    }

    [Fact]
    public async Task A_viewer_that_does_not_read_delays_no_other_and_skips_the_missed_snapshots()
    {
        await using var api = await ApiHost.StartAsync(_directory);
        var feed = api.Services.GetRequiredService<LiveFeed>();
        using var slow = await api.ConnectAsync();
        await slow.SendAsync("GET /liveLedger HTTP/1.1\r\nHost: x\r\n\r\n");
        await Eventually.EqualsAsync(1, () => Task.FromResult(feed.Viewers));

        // Send far more than all buffers between server and viewer can hold.
        using var quick = await LiveViewer.OpenAsync(api);
        var wide = new LiveSnapshot(0, LiveSnapshot.DatabaseAway, LatestRejects: [new LiveReject("a", 1, 0, new string('x', 1 << 20), "", 0)]);
        using var end = new CancellationTokenSource();
        var publishing = Task.Run(async () =>
        {
            while (!end.IsCancellationRequested)
            {
                feed.Publish(wide);
                await Task.Delay(10);
            }
        });
        for (var number = 1; number <= 40; number++)
        {
            await quick.SnapshotAsync(snapshot => snapshot.TryGetProperty("latestRejects", out _));
        }

        await end.CancelAsync();
        await publishing;
        Assert.Equal(2, feed.Viewers);
    }

    [Fact]
    public async Task A_stop_ends_open_streams_at_once()
    {
        var api = await ApiHost.StartAsync(_directory);
        using var viewer = await LiveViewer.OpenAsync(api);
        await viewer.SnapshotAsync(_ => true);
        var stopped = api.DisposeAsync();
        await Eventually.IsTrueAsync(() => Task.FromResult(stopped.IsCompleted), TimeSpan.FromSeconds(25));
        await stopped;
    }

    [Fact]
    public async Task Secrets_for_reading_guard_the_stream_follow_the_settings_file_and_end_streams_when_revoked()
    {
        var settings = _directory.File("appsettings.json");
        void Write(string secrets) => File.WriteAllText(settings, $$$"""{"Ingest":{"ReadSecrets":[{{{secrets}}}]}}""");
        Write("\"old\"");
        await using var api = await ApiHost.StartAsync(_directory, null, builder =>
            Microsoft.Extensions.Configuration.JsonConfigurationExtensions.AddJsonFile(builder.Configuration, settings, optional: false, reloadOnChange: true));
        async Task<int> StatusAsync(string secret)
        {
            using var viewer = await LiveViewer.OpenAsync(api, secret);
            return (int)viewer.Response.StatusCode;
        }

        Assert.Equal((200, 401, 401), (await StatusAsync("old"), await StatusAsync("new"), await StatusAsync(ApiHost.Secret)));
        using var viewer = await LiveViewer.OpenAsync(api, "old");
        await viewer.SnapshotAsync(_ => true);

        // Rotate the secret: configure both secrets first, then only the new one.
        Write("\"old\", \"new\"");
        await Eventually.EqualsAsync(200, () => StatusAsync("new"));
        await viewer.SnapshotAsync(_ => true);
        Write("\"new\"");
        await Eventually.EqualsAsync(401, () => StatusAsync("old"));
        while (await viewer.NextAsync() is not null)
        {
        }

        Assert.Equal(200, await StatusAsync("new"));
    }

    [Fact]
    public async Task The_page_is_served_with_a_strict_policy_and_revalidated_by_its_tag()
    {
        await using var api = await ApiHost.StartAsync(_directory, null, "Ingest:ReadSecrets=reader");
        foreach (var (path, type) in new[] { ("/", "text/html"), ("/page/app.js", "text/javascript"), ("/page/style.css", "text/css"),
            ("/vendor/uplot/uPlot.iife.min.js", "text/javascript"), ("/docs/", "text/html") })
        {
            var answer = (await api.GetAsync(path, ("Authorization", null))).Expect(HttpStatusCode.OK);
            var policy = answer.Header("Content-Security-Policy")!;
            Assert.Contains("default-src 'none'; script-src 'self'; style-src 'self'", policy, StringComparison.Ordinal);
            Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
            Assert.Equal("nosniff", answer.Header("X-Content-Type-Options"));
            using var response = await api.Client.GetAsync(new Uri(api.Address, path));
            Assert.Equal(type, response.Content.Headers.ContentType!.MediaType);
            Assert.Equal(304, (await api.GetAsync(path, ("If-None-Match", response.Headers.ETag!.ToString()))).Status);
        }
    }

    [Theory]
    [InlineData(0.001, 2)]
    [InlineData(0.04, 2)]
    [InlineData(0.5, 25)]
    [InlineData(30, 1500)]
    public void A_scan_for_the_top_users_is_followed_by_a_rest_of_fifty_times_its_length(double scan, double rest) =>
        Assert.Equal(TimeSpan.FromSeconds(rest), TopUsers.RestAfter(TimeSpan.FromSeconds(scan)));

    private sealed class BrokenClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => throw new InvalidOperationException("broken clock");
    }
}
