using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using RevenueAspire.EventLog.Storage;

namespace RevenueAspire.EventLog.Tests.Simulation;

/// <summary>A writer on a simulated disk, driven step by step.</summary>
internal static class SimulatedLog
{
    public const string Folder = "/log";

    public static EventLogWriter Open(SimulatedDisk disk, IFileSystem files, Action<EventLogOptions>? change = null, ILogger<EventLogWriter>? logger = null)
    {
        Assert.Same(disk.Running, files);
        return EventLogWriter.Open(TestLog.Options(Folder, change), TimeProvider.System, logger ?? NullLogger<EventLogWriter>.Instance, files);
    }

    /// <summary>Enqueues groups, lets the writer do its step, and returns what they got.</summary>
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
