using System.Globalization;
using Npgsql;
using RevenueAspire.Testing;

namespace RevenueAspire.Benchmarks.Processor;

/// <summary>The processor as a whole process, from start to exit, beside what others need for the same work: both sides in turn, several runs, medians and their ratio.</summary>
/// <remarks>Needs psql, and all projects built in Release: that build's output is measured, with the machine code that it carries where the compiler for it is on the feeds.</remarks>
internal static class ProcessorComparison
{
    private const string Usage = """
        processor [--file FILE] [--megabytes 100] [--users 1000000] [--runs 5] [--database "Host=..;Username=.."] [--rival COMMAND]

          --file        events to process; else a file is made of --megabytes and --users
          --rival       a command that aggregates a file as a dry run does, such as Rivals/DuckDb.cs; the file's path is put behind it
          --database    of a server on which databases may be made; without it only the dry run is measured
        """;

    /// <summary>Runs what the arguments ask for.</summary>
    public static async Task<int> RunAsync(string[] arguments)
    {
        if (PairedOptions.TryRead(arguments, ["--file", "--database", "--rival"], ["--megabytes", "--users", "--runs"]) is not { } given)
        {
            Console.Error.WriteLine(Usage);
            return 2;
        }

        var runs = given.Number("--runs", 5);
        using var folder = new TempDirectory();
        var file = given.Text("--file");
        if (file is null)
        {
            file = folder.File("events.jsonl");
            EventLines.Write(file, given.Number("--megabytes", 100) * 1_000_000L, given.Number("--users", 1_000_000));
        }

        await CompareDryRunAsync(file, given.Text("--rival"), runs);
        if (given.Text("--database") is { } server)
        {
            await CompareMergeAsync(file, server, folder, runs);
        }

        return 0;
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
            List<double> insert = [], insertFloor = [], update = [], updateFloor = [];
            for (var run = -1; run < runs; run++)
            {
                var floors = (await FloorAsync(database, csv, create: true), await FloorAsync(database, csv, create: false));
                await using (var data = NpgsqlDataSource.Create(database))
                {
                    await data.ExecuteAsync("drop table if exists floor_revenue, floor_staging, users_revenue, event_source, event_source_digest, event_range, event_part, rejected_event");
                }

                var ours = (await Programs.ProcessorAsync(database, "process", file), await Programs.ProcessorAsync(database, "process", file, "--again"));
                if (run >= 0)
                {
                    insert.Add(ours.Item1);
                    update.Add(ours.Item2);
                    insertFloor.Add(floors.Item1);
                    updateFloor.Add(floors.Item2);
                }
            }

            Figures.Print("into the empty table", "s", "process", insert, "psql, aggregated rows", insertFloor);
            Figures.Print("into the full table", "s", "process --again", update, "psql, aggregated rows", updateFloor);
        });
    }

    /// <summary>What Postgres itself needs for rows that are aggregated already: COPY into a staging table, and one ordered upsert.</summary>
    private static Task<double> FloorAsync(string database, string csv, bool create)
    {
        string[] begin = create
            ? ["-c", "drop table if exists floor_revenue", "-c", "create table floor_revenue (user_id text collate \"C\" primary key, revenue numeric not null)"]
            : [];
        return Programs.TimeAsync(
            "psql",
            [
                "-q", "-v", "ON_ERROR_STOP=1", .. begin,
                "-c", "drop table if exists floor_staging", "-c", "create unlogged table floor_staging (user_id text collate \"C\", delta numeric)",
                "-c", $"\\copy floor_staging from '{csv}' csv",
                "-c", "insert into floor_revenue select user_id, delta from floor_staging order by user_id on conflict (user_id) do update set revenue = floor_revenue.revenue + excluded.revenue",
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
