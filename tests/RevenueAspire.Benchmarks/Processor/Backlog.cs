using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using RevenueAspire.EventLog;
using RevenueAspire.EventLog.Storage;
using RevenueAspire.Events;
using RevenueAspire.Testing;

namespace RevenueAspire.Benchmarks.Processor;

/// <summary>A log with a backlog, applied by a whole processor process, compared with the same events as a file.</summary>
internal static class Backlog
{
    private const int BatchLines = 1000;

    /// <summary>Compares both sides, alternating.</summary>
    public static async Task CompareAsync(string database, string file, int runs)
    {
        using var folder = new TempDirectory();
        await WriteLogAsync(file, folder.File("log"));
        await using var data = NpgsqlDataSource.Create(database);
        List<double> logs = [], files = [];
        for (var run = -1; run < runs; run++)
        {
            await data.ExecuteAsync(SharedFile.Drop);
            var log = await Programs.ProcessorAsync(database, "process", folder.File("log"));
            await data.ExecuteAsync(SharedFile.Drop);
            var same = await Programs.ProcessorAsync(database, "process", file);
            if (run >= 0)
            {
                logs.Add(log);
                files.Add(same);
            }
        }

        Figures.Print("backlog into the empty table", "s", "a log of batches", logs, "a file", files);
    }

    private static async Task WriteLogAsync(string file, string directory)
    {
        var options = new EventLogOptions { Directory = directory };
        var store = FileLogStore.Open(options, TimeProvider.System, NullLoggerFactory.Instance);
        await using var writer = store.StartWriter();
        var builder = new AppendGroupBuilder(EventTypes.Default, TimeProvider.System);
        foreach (var lines in File.ReadLines(file).Chunk(BatchLines))
        {
            foreach (var line in lines)
            {
                builder.Add(System.Text.Encoding.UTF8.GetBytes(line), out _);
            }

            await writer.AppendAsync(builder.Build(), CancellationToken.None);
        }
    }
}
