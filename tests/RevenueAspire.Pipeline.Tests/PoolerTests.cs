using System.Collections.Concurrent;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests;

/// <summary>PgBouncer in transaction mode between the services and Postgres: no session lasts longer than a transaction.</summary>
public sealed class PoolerTests
{
    [Theory]
    [InlineData("File", "")]
    [InlineData("Postgres", "")]
    [InlineData("Postgres", ";Max Auto Prepare=0;No Reset On Close=true")]
    public async Task Both_engines_stay_exact_while_PgBouncer_is_killed_and_restarted(string engine, string settings)
    {
        var program = PgBouncer.Find();
        Assert.SkipWhen(program is null, "This machine has no pgbouncer (apt-get install pgbouncer).");
        var database = await TestPostgres.CreateDatabaseAsync();
        await using var pooler = await PgBouncer.StartAsync(program!, database);
        await using var installation =
            new Installation(pooler.ConnectionString + settings) { Settings = { ["EventLog__Engine"] = engine, ["Processor__RangeBytes"] = "262144" } };
        var random = Seed.Random($"{nameof(PoolerTests)} {engine}{settings}");
        var totals = new Totals();
        var events = new ConcurrentQueue<(RevenueEvent Event, string Key)>();
        for (var i = 0; i < 3_000; i++)
        {
            var e = RevenueEvent.Next(random, users: 40);
            totals.Add(e);
            events.Enqueue((e, $"pooler-{i}"));
        }

        var file = EventFile.Write(installation.File("input.jsonl"), random, events: 20_000, users: 3_000);
        totals.Add(file.Totals);
        await installation.StartApiAsync();
        installation.StartProcessor();
        installation.StartProcessor();
        var files = installation.Start("RevenueAspire.Processor", "process", file.Path);
        var receipts = new ConcurrentDictionary<string, string>();
        var load = Task.WhenAll(Enumerable.Range(0, 12).Select(_ => Task.Run(async () =>
        {
            while (events.TryDequeue(out var next))
            {
                var receipt = await installation.PostUntilAcknowledgedAsync(next.Event, next.Key);
                Assert.True(receipts.TryAdd(receipt, next.Key), $"two events got the receipt {receipt}; {Seed.Hint}");
            }
        })));
        for (var kill = 0; kill < 4; kill++)
        {
            await Task.Delay(random.Next(300, 900));
            await pooler.KillAsync();
            await Task.Delay(random.Next(0, 400));
            await pooler.StartAsync();
        }

        await load.WaitAsync(TimeSpan.FromSeconds(60));
        if (await files.WaitForExitAsync(TimeSpan.FromSeconds(60)) == 1)
        {
            // This process started while the pooler was down, and reported that at once.
            await using var again = await installation.RunAsync("RevenueAspire.Processor", "process", file.Path);
            Assert.True(again.ExitCode == 0, again.Output);
        }

        await installation.AssertLedgerAsync(totals, TimeSpan.FromSeconds(60));
        Assert.DoesNotContain("42P05", installation.Outputs(), StringComparison.Ordinal);
        Assert.DoesNotContain("STOPPED", installation.Outputs(), StringComparison.Ordinal);
    }
}
