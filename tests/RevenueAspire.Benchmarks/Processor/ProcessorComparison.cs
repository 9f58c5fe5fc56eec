using System.CommandLine;
using System.Globalization;
using Npgsql;
using RevenueAspire.Testing;

namespace RevenueAspire.Benchmarks.Processor;

/// <summary>
/// The processor as a whole process, from start to exit, compared with other programs for the same work: both sides alternate; prints medians of several
/// runs, and their ratio.
/// </summary>
/// <remarks>
/// Needs psql, and all projects built in Release. Measures that build's output, including precompiled machine code if its compiler is on the package feeds.
/// </remarks>
internal static class ProcessorComparison
{
    /// <summary>The subcommand <c>processor</c>, with those of <see cref="ProcessorScenarios"/>.</summary>
    public static Command Command()
    {
        var file = Options.Text("--file", "Events to process. [default: a file of --megabytes and --users]");
        var megabytes = Options.Number("--megabytes", 1000, "Size of the file, in MB.");
        var users = Options.Number("--users", 8_000_000, "Largest number of users.");
        var runs = Options.Number("--runs", 5, "Runs per side, alternating.");
        var database = Options.Text("--database", "A server that allows creating databases. [default: only the dry run]");
        var rival = Options.Text("--rival", "A command that aggregates a file like a dry run, for example Rivals/DuckDb.cs; the file's path is appended.");
        var command = new Command("processor", "Compares the processor with other programs.") { file, megabytes, users, runs, database, rival };
        foreach (var scenario in ProcessorScenarios.Commands())
        {
            command.Subcommands.Add(scenario);
        }

        command.SetAction(async parsed =>
        {
            using var folder = new TempDirectory();
            var events = parsed.GetValue(file);
            if (events is null)
            {
                events = folder.File("events.jsonl");
                EventLines.Write(events, parsed.GetValue(megabytes) * 1_000_000L, parsed.GetValue(users));
            }

            Console.WriteLine(FormattableString.Invariant($"{new FileInfo(events).Length / 1e6:N0} MB"));
            await CompareDryRunAsync(events, parsed.GetValue(rival), parsed.GetValue(runs));
            if (parsed.GetValue(database) is { } server)
            {
                await CompareMergeAsync(events, server, folder, parsed.GetValue(runs));
            }
        });
        return command;
    }

    private static async Task CompareDryRunAsync(string file, string? rival, int runs)
    {
        var (ours, theirs) = (new List<double>(), new List<double>());
        for (var run = -1; run < runs; run++)
        {
            var our = await Programs.ProcessorAsync(null, "process", file, "--dry-run");
            var their = rival is null ? 1 : await Programs.TimeAsync("/bin/sh", ["-c", $"exec {rival} '{file}'"], []);
            if (run >= 0)
            {
                ours.Add(our);
                theirs.Add(their);
            }
        }

        Figures.Print("parse, validate, aggregate", "s", "process --dry-run", ours, rival is null ? "nothing" : "rival", theirs);
    }

    private static async Task CompareMergeAsync(string file, string server, TempDirectory folder, int runs)
    {
        var csv = folder.File("aggregated.csv");
        EventLines.WriteAggregated(file, csv);
        await ScratchDatabase.UseAsync(server, async database =>
        {
            List<double> insert = [], insertFloor = [], update = [], updateFloor = [], verify = [], verifyFloor = [], memory = [], verifyMemory = [];
            for (var run = -1; run < runs; run++)
            {
                var floors = (await FloorAsync(database, csv, create: true), await FloorAsync(database, csv, create: false));
                await using (var data = NpgsqlDataSource.Create(database))
                {
                    await data.ExecuteAsync($"drop table if exists floor_revenue, floor_staging; {SharedFile.Drop}");
                }

                var first = await Programs.MeasureProcessorAsync(database, "process", file);
                var again = await Programs.MeasureProcessorAsync(database, "process", file, "--again");
                var pass = await Programs.ProcessorAsync(null, "process", file, "--dry-run") + await ReadTableAsync(database);
                var verified = await Programs.MeasureProcessorAsync(database, "verify");
                if (run >= 0)
                {
                    insert.Add(first.Seconds);
                    update.Add(again.Seconds);
                    memory.AddRange(first.Memory, again.Memory);
                    insertFloor.Add(floors.Item1);
                    updateFloor.Add(floors.Item2);
                    verify.Add(verified.Seconds);
                    verifyFloor.Add(pass);
                    verifyMemory.Add(verified.Memory);
                }
            }

            Figures.Print("into the empty table", "s", "process", insert, "psql, aggregated rows", insertFloor);
            Figures.Print("into the full table", "s", "process --again", update, "psql, aggregated rows", updateFloor);
            Figures.Print("the ledger against the bytes", "s", "verify", verify, "dry run and one ordered read of the table", verifyFloor);
            Figures.Print("peak memory", "MiB", "process", memory, "verify", verifyMemory);
        });
    }

    private static Task<double> ReadTableAsync(string database) => Programs.TimeAsync(
        "psql", ["-q", "-o", "/dev/null", "-c", "copy (select * from users_revenue order by user_id collate \"C\") to stdout"], PsqlEnvironment(database));

    /// <summary>Measures the time that Postgres alone needs for aggregated rows: COPY into a staging table, and one ordered upsert.</summary>
    private static Task<double> FloorAsync(string database, string csv, bool create)
    {
        string[] begin = create
            ? ["-c", "drop table if exists floor_revenue", "-c",
                "create table floor_revenue (user_id text collate \"C\" primary key, revenue numeric not null)"]
            : [];
        return Programs.TimeAsync(
            "psql",
            [
                "-q", "-v", "ON_ERROR_STOP=1", .. begin,
                "-c", "drop table if exists floor_staging", "-c", "create unlogged table floor_staging (user_id text collate \"C\", delta numeric)",
                "-c", $"\\copy floor_staging from '{csv}' csv",
                "-c", "insert into floor_revenue select user_id, delta from floor_staging order by user_id on conflict (user_id) do update set revenue = "
                    + "floor_revenue.revenue + excluded.revenue",
            ],
            PsqlEnvironment(database));
    }

    private static Dictionary<string, string?> PsqlEnvironment(string database)
    {
        var parts = new NpgsqlConnectionStringBuilder(database);
        return new()
        {
            ["PGHOST"] = parts.Host,
            ["PGPORT"] = parts.Port.ToString(CultureInfo.InvariantCulture),
            ["PGUSER"] = parts.Username,
            ["PGPASSWORD"] = parts.Password,
            ["PGDATABASE"] = parts.Database,
            ["PGOPTIONS"] = "-c client_min_messages=warning",
        };
    }
}
