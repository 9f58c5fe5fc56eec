using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using RevenueAspire.Testing;

namespace RevenueAspire.ServiceDefaults.Tests;

public sealed class TelemetryTests
{
    [Fact]
    public async Task Without_a_collector_there_is_no_listener()
    {
        using var source = new ActivitySource("RevenueAspire.TelemetryTests.Off");
        using var meter = new Meter("RevenueAspire.TelemetryTests.Off");
        var counter = meter.CreateCounter<long>("events");

        await using var app = await TestServer.StartAsync();

        Assert.False(source.HasListeners());
        Assert.False(counter.Enabled);
    }

    [Fact]
    public async Task A_collector_gets_spans_by_route_and_metrics_and_logs_and_never_a_user_id()
    {
        var received = new ConcurrentQueue<(string Path, string Text)>();
        await using var collector = await TestServer.StartAsync(map: app => app.MapPost("/v1/{signal}", async (string signal, HttpRequest request) =>
        {
            using var body = new MemoryStream();
            await request.Body.CopyToAsync(body);
            // Protobuf contains strings unencoded.
            received.Enqueue((signal, Encoding.UTF8.GetString(body.ToArray())));
        }));
        using var source = new ActivitySource("RevenueAspire.TelemetryTests.On");
        using var meter = new Meter("RevenueAspire.TelemetryTests.On");
        var counter = meter.CreateCounter<long>("telemetry.tests.events");

        await using (var app = await TestServer.StartAsync(map: app => app.MapGet("/userEvents/{userId}", (string userId, ILogger<TelemetryTests> logger) =>
        {
            logger.LogError("a line of the handler");
            return userId;
        }), settings: Exporting(collector.Url())))
        {
            using var http = new HttpClient();
            await http.GetStringAsync(app.Url() + "/userEvents/anna");
            await http.GetStringAsync(app.Url() + "/health");
            source.StartActivity("merge")!.Dispose();
            counter.Add(1);
            await app.StopAsync();
        }

        var traces = string.Concat(received.Where(r => r.Path == "traces").Select(r => r.Text));
        Assert.Contains("GET /userEvents/{userId}", traces, StringComparison.Ordinal);
        Assert.Contains("merge", traces, StringComparison.Ordinal);
        Assert.Contains("telemetry-test", traces, StringComparison.Ordinal);
        Assert.DoesNotContain("GET /health", traces, StringComparison.Ordinal);
        Assert.Contains("telemetry.tests.events", string.Concat(received.Where(r => r.Path == "metrics").Select(r => r.Text)), StringComparison.Ordinal);
        var logs = string.Concat(received.Where(r => r.Path == "logs").Select(r => r.Text));
        Assert.Contains("a line of the handler", logs, StringComparison.Ordinal);
        Assert.DoesNotContain("anna", logs, StringComparison.Ordinal);
        Assert.All(received.Where(r => r.Path == "traces"), r => Assert.DoesNotContain("GET /userEvents/anna", r.Text, StringComparison.Ordinal));
    }

    /// <summary>One request in a hundred is traced, and the others create no activity. If a caller has decided, its decision applies.</summary>
    [Fact]
    public async Task By_default_few_requests_are_traced_and_the_decision_of_a_caller_is_followed()
    {
        const int Requests = 400;
        const string Trace = "0af7651916cd43dd8448eb211c80319c";
        await using var collector = await TestServer.StartAsync(map: app => app.MapPost("/v1/{signal}", (string signal) => signal));
        await using var app = await TestServer.StartAsync(
            builder => builder.Logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None),
            app => app.MapGet("/x", () => Activity.Current is { } span ? $"{span.Recorded} {span.TraceId} {span.ParentSpanId}" : "none"),
            [.. Exporting(collector.Url()).Where(setting => setting.Item1 != "OTEL_TRACES_SAMPLER")]);
        using var http = Untraced();

        Assert.Equal($"True {Trace} b7ad6b7169203331", await GetAsync($"00-{Trace}-b7ad6b7169203331-01"));
        Assert.Equal("none", await GetAsync($"00-{Trace}-b7ad6b7169203331-00"));
        var spans = new List<string>();
        for (var i = 0; i < Requests; i++)
        {
            spans.Add(await GetAsync(i % 2 == 0 ? null : "nonsense"));
        }

        var traced = spans.Where(span => span != "none").ToList();
        Assert.All(traced, span => Assert.StartsWith("True", span, StringComparison.Ordinal));
        Assert.InRange(traced.Count, 0, Requests / 5);

        async Task<string> GetAsync(string? traceParent)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, app.Url() + "/x");
            if (traceParent is not null)
            {
                request.Headers.TryAddWithoutValidation("traceparent", traceParent);
            }

            using var response = await http.SendAsync(request);
            return await response.Content.ReadAsStringAsync();
        }
    }

    [Fact]
    public async Task A_request_that_the_server_logs_still_begins_a_new_trace()
    {
        await using var collector = await TestServer.StartAsync(map: app => app.MapPost("/v1/{signal}", (string signal) => signal));
        await using var app = await TestServer.StartAsync(
            builder => builder.Logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.Critical),
            app => app.MapGet("/x", () => $"{Activity.Current?.Recorded} {Activity.Current?.ParentSpanId}"),
            [.. Exporting(collector.Url()).Select(setting => setting.Item1 == "OTEL_TRACES_SAMPLER" ? (setting.Item1, "parentbased_always_on") : setting)]);
        using var http = Untraced();

        Assert.Equal("True 0000000000000000", await http.GetStringAsync(app.Url() + "/x"));
    }

    [Fact]
    public async Task A_query_outside_a_request_and_a_merge_is_not_traced()
    {
        var connectionString = await TestPostgres.CreateDatabaseAsync();
        var name = new NpgsqlConnectionStringBuilder(connectionString).Database!;
        using var merges = new ActivitySource("RevenueAspire.TelemetryTests.Merges");
        var ended = new ConcurrentQueue<string>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name is "Npgsql" || source == merges,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            // Select by database, because other tests use other databases.
            ActivityStopped = span =>
            {
                if (span.Source == merges || span.TagObjects.Any(tag => name.Equals(tag.Value)))
                {
                    ended.Enqueue(span.Source.Name);
                }
            },
        };
        ActivitySource.AddActivityListener(listener);
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Configuration["ConnectionStrings:" + DatabaseExtensions.DatabaseName] = connectionString;
        builder.AddRevenueDatabase();
        using var host = builder.Build();
        var database = host.Services.GetRequiredService<NpgsqlDataSource>();

        await QueryAsync();
        Assert.Empty(ended);
        using (merges.StartActivity("merge"))
        {
            await QueryAsync();
        }

        Assert.Equal(["Npgsql", merges.Name], ended);

        async Task QueryAsync()
        {
            await using var command = database.CreateCommand("select 1");
            await command.ExecuteScalarAsync();
        }
    }

    [Fact]
    public async Task A_collector_that_refuses_or_hangs_delays_neither_a_request_nor_the_stop()
    {
        // Accepts connections, but never answers.
        using var hanging = new TcpListener(IPAddress.Loopback, 0);
        hanging.Start();
        string[] collectors = [$"http://127.0.0.1:{FreePort.Next()}", $"http://{hanging.LocalEndpoint}"];
        foreach (var collector in collectors)
        {
            var app = await TestServer.StartAsync(map: app => app.MapGet("/x", () => "fine"), settings: Exporting(collector));
            using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
            for (var i = 0; i < 20; i++)
            {
                Assert.Equal("fine", await http.GetStringAsync(app.Url() + "/x"));
            }

            var stop = Stopwatch.StartNew();
            await app.StopAsync();
            await app.DisposeAsync();
            Assert.True(stop.Elapsed < TimeSpan.FromSeconds(20), $"The stop with the collector {collector} took {stop.Elapsed}.");
        }
    }

    /// <summary>Simulates a caller in another process, by not exporting its activities.</summary>
    private static HttpClient Untraced() => new(new SocketsHttpHandler { ActivityHeadersPropagator = null });

    private static (string, string)[] Exporting(string collector) =>
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_TRACES_SAMPLER", "always_on"),
        ("OTEL_SERVICE_NAME", "telemetry-test"),
    ];
}
