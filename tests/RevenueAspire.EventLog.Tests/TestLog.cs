using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using RevenueAspire.EventLog.Storage;
using RevenueAspire.Events;

namespace RevenueAspire.EventLog.Tests;

/// <summary>Helpers that build groups, and open and read a log.</summary>
internal static class TestLog
{
    public static EventLogOptions Options(string directory, Action<EventLogOptions>? change = null)
    {
        var options = new EventLogOptions { Directory = directory };
        change?.Invoke(options);
        return options;
    }

    public static EventLogWriter Open(EventLogOptions options, ILoggerFactory? loggers = null, IFileSystem? files = null) =>
        OpenStore(options, loggers, files).StartWriter();

    /// <summary>Opens a log without the writer thread.</summary>
    public static EventLogWriter OpenHeld(EventLogOptions options, IFileSystem files, ILoggerFactory? loggers = null) =>
        OpenStore(options, loggers, files).PrepareWriter();

    public static FileLogStore OpenStore(EventLogOptions options, ILoggerFactory? loggers = null, IFileSystem? files = null) =>
        FileLogStore.Open(options, TimeProvider.System, loggers ?? NullLoggerFactory.Instance, files ?? PhysicalFileSystem.Instance);

    public static FileLogStore Files(this EventLogWriter writer) => (FileLogStore)writer.Store;

    public static EventLogWriter Open(string directory) => Open(Options(directory));

    public static string Event(string user, long value) => $$"""{"userId":"{{user}}","name":"add_revenue","value":{{value}}}""";

    /// <summary>A group of one event per user, with values from 1.</summary>
    public static AppendGroup Group(string[] users, string? key = null, int rejected = 0, string? body = null, string? caller = null)
    {
        var builder = new AppendGroupBuilder(EventTypes.Default, TimeProvider.System);
        var lines = users.Select((user, i) => Event(user, i + 1)).ToArray();
        foreach (var line in lines)
        {
            Assert.Equal(ParseOutcome.Event, builder.Add(Encoding.UTF8.GetBytes(line), out _));
        }

        var hash = key is null ? [] : SHA256.HashData(Encoding.UTF8.GetBytes(body ?? string.Join('\n', lines)));
        return builder.Build(key, hash, rejectedCount: rejected, caller: caller is null ? null : new CallerName(caller));
    }

    public static AppendGroup Single(string user, string? key = null, string? body = null, string? caller = null) => Group([user], key, 0, body, caller);

    public static async Task<AppendResult> AppendAsync(EventLogWriter writer, AppendGroup group) => await writer.AppendAsync(group, CancellationToken.None);

    /// <summary>All undamaged bytes below the mark, and the ranges of the damage.</summary>
    public static (string Text, List<(long From, long To)> Damage) ReadAll(EventLogReader reader, int buffer = 1 << 20)
    {
        var bytes = new MemoryStream();
        var damage = new List<(long, long)>();
        var into = new byte[buffer];
        var offset = reader.FirstOffset;
        var mark = reader.ReadDurableMark();
        while (offset < mark)
        {
            var read = reader.Read(offset, into);
            if (read.Count > 0)
            {
                bytes.Write(into, 0, read.Count);
                offset += read.Count;
            }
            else if (read.DamagedThrough > offset)
            {
                damage.Add((offset, read.DamagedThrough));
                offset = read.DamagedThrough;
            }
            else
            {
                break;
            }
        }

        return (Encoding.UTF8.GetString(bytes.ToArray()), damage);
    }

    /// <summary>The users of the records, in order.</summary>
    public static List<string> Users(string text) => [.. Lines(text).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("userId").GetString()!)];

    public static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
