using CliWrap;
using CliWrap.Buffered;
using Npgsql;
using RevenueAspire.Pipeline.Tests.Documents;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests;

/// <summary><c>process FILE</c> fills the ledger without API and log.</summary>
public sealed class ProcessFileTests
{
    [Fact]
    public async Task Two_processes_on_the_same_file_count_it_once_and_a_copy_changes_nothing()
    {
        await using var installation = await Installation.CreateAsync();
        var file = EventFile.Write(installation.File("input.jsonl"),
            Seed.Random(nameof(Two_processes_on_the_same_file_count_it_once_and_a_copy_changes_nothing)), events: 200_000, users: 5_000, badEvery: 5_000);
        var both = await Task.WhenAll(
            installation.RunAsync("RevenueAspire.Processor", "process", file.Path), installation.RunAsync("RevenueAspire.Processor", "process", file.Path));
        // The file has rejected lines, so both processes exit with 3, even the one that counted none of them.
        Assert.All(both, process => Assert.True(process.ExitCode == 3, $"{process.ExitCode}: {process.Output}; {Seed.Hint}"));
        await installation.AssertLedgerAsync(file.Totals);

        File.Copy(file.Path, installation.File("copy.jsonl"));
        await using var copy = await installation.RunAsync("RevenueAspire.Processor", "process", installation.File("copy.jsonl"));
        Assert.True(copy.ExitCode == 3, $"{copy.ExitCode}: {copy.Output}");
        Assert.Contains("already counted", copy.Output, StringComparison.Ordinal);
        await installation.AssertLedgerAsync(file.Totals);
    }

    [Fact]
    public async Task A_grown_file_continues_where_it_ended_and_again_counts_it_once_more()
    {
        await using var installation = await Installation.CreateAsync();
        var random = Seed.Random(nameof(A_grown_file_continues_where_it_ended_and_again_counts_it_once_more));
        var file = EventFile.Write(installation.File("input.jsonl"), random, events: 5_000, users: 100);
        await ProcessAsync();
        await installation.AssertLedgerAsync(file.Totals);

        var growth = EventFile.Write(installation.File("growth.jsonl"), random, events: 2_000, users: 100);
        await File.AppendAllTextAsync(file.Path, await File.ReadAllTextAsync(growth.Path));
        var totals = new Totals();
        totals.Add(file.Totals);
        totals.Add(growth.Totals);
        await ProcessAsync();
        await installation.AssertLedgerAsync(totals);

        await ProcessAsync("--again");
        totals.Add(file.Totals);
        totals.Add(growth.Totals);
        await installation.AssertLedgerAsync(totals);

        async Task ProcessAsync(params string[] options)
        {
            await using var process = await installation.RunAsync("RevenueAspire.Processor", ["process", file.Path, .. options]);
            Assert.True(process.ExitCode == 0, $"{process.ExitCode}: {process.Output}; {Seed.Hint}");
        }
    }

    [Fact]
    public async Task A_restart_after_a_kill_completes_the_file_exactly()
    {
        await using var installation = await Installation.CreateAsync();
        var random = Seed.Random(nameof(A_restart_after_a_kill_completes_the_file_exactly));
        var file = EventFile.Write(installation.File("input.jsonl"), random, events: 400_000, users: 200_000);
        for (var kill = 0; kill < 3; kill++)
        {
            var killed = installation.Start("RevenueAspire.Processor", "process", file.Path);
            await Task.WhenAny(killed.WaitForExitAsync(TimeSpan.FromSeconds(60)), Task.Delay(random.Next(400, 2500)));
            await killed.KillAsync();
        }

        await using var process = await installation.RunAsync("RevenueAspire.Processor", "process", file.Path);
        Assert.True(process.ExitCode == 0, $"{process.ExitCode}: {process.Output}; {Seed.Hint}");
        await installation.AssertLedgerAsync(file.Totals);
    }

    [Fact]
    public async Task The_schema_file_applied_by_hand_with_psql_fits_the_processor()
    {
        Shell.Require("psql");
        var database = await TestPostgres.CreateDatabaseAsync();
        var connection = new NpgsqlConnectionStringBuilder(database);
        await using var installation = await Installation.CreateAsync(database);
        var schema = Path.Combine(Repository.Root, "src", "RevenueAspire.Ledger", "db.sql");
        for (var times = 0; times < 2; times++)
        {
            var psql = await Cli.Wrap("psql")
                .WithArguments(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", connection.Host!, "-p", $"{connection.Port}", "-U", connection.Username!, "-d",
                    connection.Database!, "-f", schema])
                .WithEnvironmentVariables(new Dictionary<string, string?> { ["PGPASSWORD"] = connection.Password })
                .WithValidation(CommandResultValidation.None)
                .ExecuteBufferedAsync();
            Assert.True(psql.IsSuccess, psql.StandardError);
        }

        var file = EventFile.Write(
            installation.File("input.jsonl"), Seed.Random(nameof(The_schema_file_applied_by_hand_with_psql_fits_the_processor)), events: 1_000, users: 50);
        await using var process = await installation.RunAsync("RevenueAspire.Processor", "process", file.Path);
        Assert.True(process.ExitCode == 0, process.Output);
        await installation.AssertLedgerAsync(file.Totals);
    }
}
