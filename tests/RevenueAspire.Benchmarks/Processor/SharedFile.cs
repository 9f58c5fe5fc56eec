using System.Diagnostics;
using Npgsql;

namespace RevenueAspire.Benchmarks.Processor;

/// <summary>
/// One processor on a file, compared with several that start at once: into the empty table, and again into the full one. The measured time ends when the last
/// one exits.
/// </summary>
internal static class SharedFile
{
    /// <summary>Empties the ledger.</summary>
    public const string Drop =
        "drop table if exists users_revenue, event_source, event_source_digest, event_source_path, event_range, event_part, rejected_event";

    // Compute one hash of all balances, because a total could hide errors that cancel out.
    private const string Balances = "select md5(string_agg(user_id || ' ' || revenue, ',' order by user_id)) from users_revenue";

    /// <summary>Compares both sides, alternating, and checks that their balances are equal.</summary>
    public static async Task CompareAsync(string database, string file, int processors, int runs)
    {
        await using var data = NpgsqlDataSource.Create(database);
        List<double> alone = [], shared = [], aloneFull = [], sharedFull = [];
        string? expected = null;
        for (var run = -1; run < runs; run++)
        {
            foreach (var (count, empty, full) in ((int, List<double>, List<double>)[])[(1, alone, aloneFull), (processors, shared, sharedFull)])
            {
                await data.ExecuteAsync(Drop);
                var seconds = await RunAsync(database, file, count, again: false);
                expected ??= await ScalarAsync(data, Balances);
                if (expected != await ScalarAsync(data, Balances))
                {
                    throw new InvalidOperationException($"{count} processors together produced other balances than one.");
                }

                // A second processor with --again that starts after the first has finished would add another generation. So only one uses --again, and the
                // others help to complete it.
                var secondsFull = await RunAsync(database, file, count, again: true);
                if (run >= 0)
                {
                    empty.Add(seconds);
                    full.Add(secondsFull);
                }
            }
        }

        Figures.Print("into the empty table", "s", $"{processors} processors", shared, "one", alone);
        Figures.Print("into the full table", "s", $"{processors} processors", sharedFull, "one", aloneFull);
    }

    private static async Task<double> RunAsync(string database, string file, int count, bool again)
    {
        var began = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, count).Select(async index =>
        {
            string[] arguments = again && index == 0 ? ["process", file, "--again"] : ["process", file];
            if (again && index > 0)
            {
                // Start after the processor that begins the generation.
                await Task.Delay(GenerationDelay);
            }

            await Programs.ProcessorAsync(database, arguments);
        }));
        return Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    private static readonly TimeSpan GenerationDelay = TimeSpan.FromMilliseconds(200);

    private static async Task<string?> ScalarAsync(NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand(sql);
        return (await command.ExecuteScalarAsync())?.ToString();
    }
}
