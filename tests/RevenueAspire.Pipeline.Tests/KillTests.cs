using System.Collections.Concurrent;
using RevenueAspire.LocalPostgres;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests;

/// <summary>kill -9 of each part under load leaves exact totals.</summary>
public sealed class KillTests
{
    [Fact]
    public async Task Kill_9_of_api_and_processors_under_load_counts_each_acknowledged_event_once()
    {
        await using var installation = await Installation.CreateAsync();
        var random = Seed.Random(nameof(Kill_9_of_api_and_processors_under_load_counts_each_acknowledged_event_once));
        var events = new ConcurrentQueue<(RevenueEvent Event, string Key)>(
            Enumerable.Range(0, 6_000).Select(i => (RevenueEvent.Next(random, users: 40), $"kill-{i}")));
        var totals = new Totals();
        foreach (var (e, _) in events)
        {
            totals.Add(e);
        }

        var api = await installation.StartApiAsync();
        var processors = new[] { installation.StartProcessor(), installation.StartProcessor() };
        var receipts = new ConcurrentDictionary<string, string>();
        var load = Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(async () =>
        {
            while (events.TryDequeue(out var next))
            {
                var receipt = await installation.PostUntilAcknowledgedAsync(next.Event, next.Key);

                // Repeat the requests, as a client that missed the answer does: each gets the same receipt, and nothing counts twice.
                if (next.Key.EndsWith('7'))
                {
                    Assert.Equal(receipt, await installation.PostUntilAcknowledgedAsync(next.Event, next.Key));
                }

                Assert.True(receipts.TryAdd(receipt, next.Key), $"two events got the receipt {receipt}; {Seed.Hint}");
            }
        })));
        for (var kill = 0; kill < 3 && !load.IsCompleted; kill++)
        {
            await Task.Delay(random.Next(100, 700));
            var victim = random.Next(2);
            await Task.WhenAll(api.KillAsync(), processors[victim].KillAsync());
            processors[victim] = installation.StartProcessor();
            api = await installation.StartApiAsync();
        }

        await load.WaitAsync(TimeSpan.FromSeconds(60));
        await installation.AssertLedgerAsync(totals);
    }

    [Fact]
    public async Task A_killed_send_resumes_without_losing_or_repeating_an_event()
    {
        await using var installation = await Installation.CreateAsync();
        var random = Seed.Random(nameof(A_killed_send_resumes_without_losing_or_repeating_an_event));
        var file = EventFile.Write(installation.File("input.jsonl"), random, events: 20_000, users: 100);
        await installation.StartApiAsync();
        installation.StartProcessor();

        // Kill each run when a random share of the file is in the log. So one part is sent, and the next run must send the rest.
        for (var (kill, share) = (0, 0.0); kill < 2; kill++)
        {
            share += 0.05 + random.NextDouble() / 4;
            var killed = installation.Start(
                "RevenueAspire.Client", ["send", file.Path, "--concurrency", "8", .. kill == 0 ? Array.Empty<string>() : ["--resume"]]);
            await Eventually.IsTrueAsync(() => installation.LogLines() > share * file.Events);
            Assert.False(killed.HasExited, killed.Output);
            await killed.KillAsync();
        }

        await using var send = await installation.RunAsync("RevenueAspire.Client", "send", file.Path, "--resume");
        Assert.True(send.ExitCode == 0, $"{send.ExitCode}: {send.Output}; {Seed.Hint}");
        await installation.AssertLedgerAsync(file.Totals);
    }

    [Fact]
    public async Task The_api_accepts_events_without_a_database_and_the_ledger_catches_up_also_after_kill_9_of_Postgres()
    {
        using var directory = TempDirectory.ForPostgres();
        var options = new LocalPostgresOptions { DataDirectory = directory.File("data"), Port = FreePort.Next(), Password = "pipeline", StopWithParent = true };
        await using var installation = await Installation.CreateAsync(
            $"Host=127.0.0.1;Port={options.Port};Username=postgres;Password=pipeline;Database=revenuedb;Timeout=5");
        await installation.StartApiAsync();
        installation.StartProcessor();
        var random = Seed.Random(nameof(The_api_accepts_events_without_a_database_and_the_ledger_catches_up_also_after_kill_9_of_Postgres));
        var totals = new Totals();
        await PostAsync("before", 50);
        Assert.Contains("Degraded", await installation.Http.GetStringAsync(new Uri("/health", UriKind.Relative)), StringComparison.Ordinal);

        var server = await LocalPostgresServer.StartAsync(options, CancellationToken.None);
        await server.EnsureDatabaseAsync("revenuedb", CancellationToken.None);
        await PostAsync("with", 200);
        using (var postmaster = System.Diagnostics.Process.GetProcessById(server.ProcessId))
        {
            postmaster.Kill();
        }

        await server.Exited;
        await server.DisposeAsync();
        await PostAsync("killed", 50);
        await using var again = await LocalPostgresServer.StartAsync(options, CancellationToken.None);
        await installation.AssertLedgerAsync(totals, TimeSpan.FromSeconds(60));

        Task PostAsync(string phase, int count) => Task.WhenAll(Enumerable.Range(0, count).Select(i =>
        {
            var e = RevenueEvent.Next(random, users: 20);
            totals.Add(e);
            return installation.PostUntilAcknowledgedAsync(e, $"{phase}-{i}");
        }));
    }
}
