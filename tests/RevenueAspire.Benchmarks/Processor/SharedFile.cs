using System.Diagnostics;
using Npgsql;

namespace RevenueAspire.Benchmarks.Processor;

/// <summary>
/// One file by one processor, and by several that start at the same moment: into the empty table, and again into the full one. Until the last of them
/// has exited.
/// </summary>
internal static class SharedFile
{
    /// <summary>Empties the ledger.</summary>
    public const string Drop =
        "drop table if exists users_revenue, event_source, event_source_digest, event_source_path, event_range, event_part, rejected_event";

    // Of a single user's many events a sum hides a miscount less than of all of them: the hash of all balances.
    private const string Balances = "select md5(string_agg(user_id || ' ' || revenue, ',' order by user_id)) from users_revenue";

    /// <summary>Compares, both sides in turn, and checks that the balances are the same.</summary>
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
                    throw new InvalidOperationException($"{count} processors together came to other balances than one.");
                }

                // Each adds a generation of its own when it begins after another has ended one: so one says "again", and the others complete it.
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
                // Behind the one that starts the generation.
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
