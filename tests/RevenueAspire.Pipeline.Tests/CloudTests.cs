using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json;
using Npgsql;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests;

/// <summary>A cloud deployment: the log in Postgres, several API processes, several processors, no shared folder.</summary>
public sealed class CloudTests
{
    [Fact]
    public async Task Three_apis_and_three_processors_on_one_database_stay_exact_when_any_is_killed()
    {
        await using var installation = await CreateAsync();
        var random = Seed.Random(nameof(Three_apis_and_three_processors_on_one_database_stay_exact_when_any_is_killed));
        var apis = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => Replica.StartAsync(installation)));
        var processors = Enumerable.Range(0, 3).Select(_ => installation.StartProcessor()).ToArray();
        var events = new ConcurrentQueue<(RevenueEvent Event, string Key)>(
            Enumerable.Range(0, 4_000).Select(i => (RevenueEvent.Next(random, users: 60), $"cloud-{i}")));
        var totals = new Totals();
        foreach (var (e, _) in events)
        {
            totals.Add(e);
        }

        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(20), DefaultRequestHeaders = { { "Authorization", Installation.Secret } } };
        var receipts = new ConcurrentDictionary<string, string>();
        var load = Task.WhenAll(Enumerable.Range(0, 12).Select(worker => Task.Run(async () =>
        {
            for (var i = worker; events.TryDequeue(out var next); i++)
            {
                // After a lost answer, the next attempt goes to another replica with the same key.
                var receipt = await PostAsync(http, apis, i, next.Event, next.Key);
                if (next.Key.EndsWith('7'))
                {
                    Assert.Equal(receipt, await PostAsync(http, apis, i + 1, next.Event, next.Key));
                }

                Assert.True(receipts.TryAdd(receipt, next.Key), $"two events got the receipt {receipt}; {Seed.Hint}");
            }
        })));
        for (var kill = 0; kill < 4 && !load.IsCompleted; kill++)
        {
            await Task.Delay(random.Next(200, 700));
            var (api, processor) = (random.Next(3), random.Next(3));
            await Task.WhenAll(apis[api].Process.KillAsync(), processors[processor].KillAsync());
            processors[processor] = installation.StartProcessor();
            apis[api] = await Replica.StartAsync(installation);
        }

        await load.WaitAsync(TimeSpan.FromSeconds(90));

        // Each replica knows each receipt, even those from processes that have ended.
        foreach (var receipt in receipts.Keys.Take(20))
        {
            var answer = await Eventually.GetAsync(async () => await http.GetStringAsync(new Uri($"{apis[0].Url}/receipts/{receipt}")) is var text
                && text.Contains("applied", StringComparison.Ordinal) ? text : null);
            Assert.Equal("""{"state":"applied"}""", answer);
        }

        await installation.AssertLedgerAsync(totals, TimeSpan.FromSeconds(90));
        Assert.False(Directory.Exists(installation.File("events")) && Directory.EnumerateFileSystemEntries(installation.File("events")).Any(),
            "a process wrote to a folder");
        Assert.Equal(0L, await ScalarAsync(installation, "select deadlocks from pg_stat_database where datname = current_database()"));
        Assert.True(await ScalarAsync(installation, "select count(distinct log_id) from event_log_batch") > 3, "each process has a separate log");
    }

    [Fact]
    public async Task A_write_is_read_back_through_another_replica()
    {
        await using var installation = await CreateAsync();
        var apis = new[] { await Replica.StartAsync(installation), await Replica.StartAsync(installation) };
        installation.StartProcessor();
        using var http = new HttpClient { DefaultRequestHeaders = { { "Authorization", Installation.Secret } } };
        var receipt = await PostAsync(http, apis, 0, new RevenueEvent("user1", "add_revenue", 98), "key");
        var read = await Eventually.GetAsync(() => http.GetStringAsync(new Uri($"{apis[1].Url}/userEvents/user1?after={receipt}"))!);
        Assert.Equal("""{"userId":"user1","revenue":98}""", read);
        using var unknown = await http.GetAsync(new Uri($"{apis[1].Url}/receipts/{Guid.NewGuid():N}:0"));
        Assert.Equal(HttpStatusCode.NotFound, unknown.StatusCode);
        using var between = await http.GetAsync(new Uri($"{apis[1].Url}/receipts/{receipt[..receipt.IndexOf(':', StringComparison.Ordinal)]}:1"));
        Assert.Equal(HttpStatusCode.NotFound, between.StatusCode);
    }

    [Fact]
    public async Task The_client_sends_a_file_while_another_API_process_takes_over_the_log_in_Postgres()
    {
        await using var installation = await CreateAsync();
        var random = Seed.Random(nameof(The_client_sends_a_file_while_another_API_process_takes_over_the_log_in_Postgres));
        var file = EventFile.Write(installation.File("events.jsonl"), random, 2_000, users: 50, badEvery: 0);
        var api = await installation.StartApiAsync();
        installation.StartProcessor();
        var send = installation.Start("RevenueAspire.Client", "send", file.Path, "--rate", "1000");
        await Eventually.IsTrueAsync(async () => (await installation.LedgerAsync()).DifferenceTo(new Totals()).Length > 0);
        await api.KillAsync();
        await installation.StartApiAsync();

        Assert.True(await send.WaitForExitAsync() == 0, send.Output);
        await installation.AssertLedgerAsync(file.Totals);
        Assert.Equal(2L, await ScalarAsync(installation, "select count(*) from event_log"));

        // A dry run needs no log, and verify folds the rows of the log in Postgres.
        await using var look = await installation.RunAsync("RevenueAspire.Processor", "process", file.Path, "--dry-run");
        Assert.True(look.ExitCode == 0, look.Output);
        Assert.Equal(1L,
            await ScalarAsync(installation,
            "with wrong as (update users_revenue set revenue = revenue + 1 where user_id = (select min(user_id) from "
            + "users_revenue) returning 1) select count(*) from wrong"));
        await using var verify = await installation.RunAsync("RevenueAspire.Processor", "verify");
        Assert.True(verify.ExitCode == 3, verify.Output);
    }

    [Fact]
    public async Task The_log_in_Postgres_without_a_database_is_refused_in_one_line()
    {
        await using var installation = await CreateAsync();
        var settings = new Dictionary<string, string?> { ["ConnectionStrings__revenuedb"] = null };
        foreach (var project in new[] { "RevenueAspire.Api", "RevenueAspire.Processor" })
        {
            await using var process = installation.Start(project, settings);
            await process.WaitForExitAsync(TimeSpan.FromSeconds(30));
            Assert.Equal(1, process.ExitCode);
            Assert.Contains("ConnectionStrings:revenuedb", process.Output, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", process.Output, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("RevenueAspire.Api")]
    [InlineData("RevenueAspire.Processor")]
    public async Task An_unknown_engine_is_refused_in_one_line(string project)
    {
        await using var installation = await CreateAsync();
        await using var process = installation.Start(project, new Dictionary<string, string?> { ["EventLog__Engine"] = "Tape" });
        await process.WaitForExitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(1, process.ExitCode);
        Assert.Contains("Engine", process.Output, StringComparison.Ordinal);
        Assert.Contains("Tape", process.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", process.Output, StringComparison.Ordinal);
    }

    private static async Task<Installation> CreateAsync()
    {
        var installation = await Installation.CreateAsync();
        installation.Settings["EventLog__Engine"] = "Postgres";
        return installation;
    }

    private static async Task<string> PostAsync(HttpClient http, Replica[] apis, int first, RevenueEvent e, string key)
    {
        var attempt = first;
        return await Eventually.GetAsync(
            async () =>
            {
                using var request = new HttpRequestMessage(HttpMethod.Post,
                    $"{apis[attempt++ % apis.Length].Url}/liveEvent")
                {
                    Content = new StringContent(e.ToJson(), Encoding.UTF8, "application/json"),
                };
                request.Headers.Add("Idempotency-Key", key);
                using var response = await http.SendAsync(request);
                var body = await response.Content.ReadAsStringAsync();
                return response.StatusCode switch
                {
                    HttpStatusCode.Accepted => JsonDocument.Parse(body).RootElement.GetProperty("receipt").GetString(),
                    HttpStatusCode.ServiceUnavailable => null,
                    _ => throw new InvalidOperationException($"{(int)response.StatusCode} {body}"),
                };
            },
            TimeSpan.FromSeconds(60),
            $"acknowledgement of {key}");
    }

    private static async Task<long> ScalarAsync(Installation installation, string sql)
    {
        await using var connection = new NpgsqlConnection(installation.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private sealed record Replica(ServiceProcess Process, string Url)
    {
        public static async Task<Replica> StartAsync(Installation installation)
        {
            var url = $"http://127.0.0.1:{FreePort.Next()}";
            var process = installation.Start("RevenueAspire.Api", new Dictionary<string, string?> { ["ASPNETCORE_URLS"] = url });
            await process.WaitForUrlAsync(url + "/health");
            return new Replica(process, url);
        }
    }
}
