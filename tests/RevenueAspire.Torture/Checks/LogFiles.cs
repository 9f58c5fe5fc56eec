using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json;
using RevenueAspire.Torture.Stage;

namespace RevenueAspire.Torture.Checks;

/// <summary>Reads a log's files with nothing of the product's code: names and bytes of the segments, the mark, System.Text.Json.</summary>
internal static class LogFiles
{
    private const int MarkBytes = 16;

    /// <summary>The durable mark; 0 when there is none, or none that agrees with its complement.</summary>
    public static long ReadMark(string directory)
    {
        var path = Path.Combine(directory, "durable.mark");
        if (!File.Exists(path))
        {
            return 0;
        }

        var bytes = new byte[MarkBytes];
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        return file.ReadAtLeast(bytes, MarkBytes, throwOnEndOfStream: false) == MarkBytes && BinaryPrimitives.ReadInt64LittleEndian(bytes) is var mark && BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(8)) == ~mark
            ? mark
            : 0;
    }

    /// <summary>The log's segments: offset of the first byte, and path.</summary>
    public static (long Start, string Path)[] Segments(string directory) =>
        [.. Directory.GetFiles(directory, "*.jsonl").Select(path => (long.Parse(Path.GetFileNameWithoutExtension(path), CultureInfo.InvariantCulture), path)).Order()];

    /// <summary>How far the ledger is behind the mark, for people; empty when it is not.</summary>
    public static async Task<string> FindLagAsync(string directory, PostgresHost postgres)
    {
        var mark = ReadMark(directory);
        var applied = await postgres.ExecuteAsync("select applied_through from event_source where kind = 'log'") is long through ? through : 0;
        return applied == mark ? "" : FormattableString.Invariant($"at {applied}, and the mark at {mark}");
    }

    /// <summary>All records up to the mark.</summary>
    /// <exception cref="InvalidDataException">What is below the mark is no sequence of records without a gap.</exception>
    public static IEnumerable<LogRecord> Read(string directory)
    {
        using var identity = JsonDocument.Parse(File.ReadAllText(Path.Combine(directory, "log.json")));
        var id = identity.RootElement.GetProperty("id").GetGuid();
        var mark = ReadMark(directory);
        var segments = Segments(directory);
        var position = 0L;
        for (var i = 0; i < segments.Length && position < mark; i++)
        {
            var (start, path) = segments[i];
            if (start != position)
            {
                throw new InvalidDataException($"the segment {Path.GetFileName(path)} does not begin at {position}");
            }

            var end = Math.Min(mark, i + 1 < segments.Length ? segments[i + 1].Start : mark);
            var bytes = ReadAll(path);
            if (start + bytes.Length < end)
            {
                throw new InvalidDataException($"{Path.GetFileName(path)} ends at {start + bytes.Length}, before {end}");
            }

            while (position < end)
            {
                var length = bytes.AsSpan((int)(position - start), (int)(end - position)).IndexOf((byte)'\n') + 1;
                if (length == 0)
                {
                    throw new InvalidDataException($"the record at {position} has no end below {end}");
                }

                yield return LogRecord.Parse(id, bytes.AsMemory((int)(position - start), length), position);
                position += length;
            }
        }

        if (position < mark)
        {
            throw new InvalidDataException($"the segments end at {position}, the mark is {mark}");
        }
    }

    private static byte[] ReadAll(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }
}
