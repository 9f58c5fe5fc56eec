using Microsoft.Extensions.Logging;
using RevenueAspire.EventLog.Storage;

namespace RevenueAspire.EventLog.Tests.Simulation;

/// <summary>A writer on a simulated disk, run step by step.</summary>
internal static class SimulatedLog
{
    public const string Folder = "/log";

    public static EventLogWriter Open(SimulatedDisk disk, IFileSystem files, Action<EventLogOptions>? change = null, ILoggerFactory? loggers = null)
    {
        Assert.Same(disk.Running, files);
        return TestLog.OpenHeld(TestLog.Options(Folder, change), files, loggers);
    }

    /// <summary>Enqueues groups, runs one turn of the writer, and returns the results.</summary>
    public static AppendResult[] Append(EventLogWriter writer, params AppendGroup[] groups)
    {
        var tasks = groups.Select(group => writer.AppendAsync(group, CancellationToken.None).AsTask()).ToArray();
        writer.Step();
        return Task.WhenAll(tasks).GetAwaiter().GetResult();
    }

    public static string File(string name) => Path.Combine(Folder, name);

    public static (string Text, List<(long From, long To)> Damage) ReadAll(SimulatedDisk disk)
    {
        using var reader = EventLogReader.Open(Folder, disk.Running!);
        return TestLog.ReadAll(reader);
    }
}
