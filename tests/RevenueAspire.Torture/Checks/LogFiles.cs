using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json;
using RevenueAspire.Torture.Stage;

namespace RevenueAspire.Torture.Checks;

/// <summary>Reads the log's segments and mark without the product's code, with System.Text.Json only.</summary>
internal static class LogFiles
{
    private const int MarkBytes = 16;

    /// <summary>The durable mark; 0 if the file is missing or the mark does not match its stored complement.</summary>
    public static long ReadMark(string directory)
    {
        var path = Path.Combine(directory, "durable.mark");
        if (!File.Exists(path))
        {
            return 0;
        }

        var bytes = new byte[MarkBytes];
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        return file.ReadAtLeast(bytes, MarkBytes, throwOnEndOfStream: false) == MarkBytes && BinaryPrimitives.ReadInt64LittleEndian(bytes) is var mark
            && BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(8)) == ~mark
            ? mark
            : 0;
    }

    /// <summary>The log's segments in order: offset of the first byte, and path.</summary>
    public static (long Start, string Path)[] Segments(string directory) =>
        [.. Directory.GetFiles(directory, "*.jsonl").Select(path => (long.Parse(Path.GetFileNameWithoutExtension(path), CultureInfo.InvariantCulture), path))
            .Order()];

    /// <summary>The ledger's lag as readable text; empty without a lag.</summary>
    public static async Task<string> FindLagAsync(string directory, PostgresHost postgres)
    {
        var mark = ReadMark(directory);
        var applied = await postgres.ExecuteAsync("select applied_through from event_source where kind = 'log'") is long through ? through : 0;
        return applied == mark ? "" : FormattableString.Invariant($"applied up to {applied}, mark at {mark}");
    }

    /// <summary>The records from an offset up to the mark, in order.</summary>
    /// <param name="directory">The log's folder.</param>
    /// <param name="from">Offset of a record's first byte; the log's beginning by default.</param>
    /// <exception cref="InvalidDataException">The bytes below the mark are not a gapless sequence of records.</exception>
    public static IEnumerable<LogRecord> Read(string directory, long from = 0)
    {
        // Read the mark before listing the segments: every byte below this mark is then in a listed segment.
        var mark = ReadMark(directory);
        if (from >= mark)
        {
            yield break;
        }

        using var identity = JsonDocument.Parse(File.ReadAllText(Path.Combine(directory, "log.json")));
        var id = identity.RootElement.GetProperty("id").GetGuid();
        var segments = Segments(directory);
        var position = from;
        for (var i = 0; i < segments.Length && position < mark; i++)
        {
            var (start, path) = segments[i];
            var end = i + 1 < segments.Length ? Math.Min(mark, segments[i + 1].Start) : mark;
            if (end <= position)
            {
                continue;
            }

            if (start > position)
            {
                throw new InvalidDataException($"the segment {Path.GetFileName(path)} should begin at {position}");
            }

            var first = position;
            var bytes = ReadRange(path, first - start, (int)(end - first));
            if (bytes.Length < end - first)
            {
                throw new InvalidDataException($"{Path.GetFileName(path)} ends at {first + bytes.Length}, before {end}");
            }

            while (position < end)
            {
                var length = bytes.AsSpan((int)(position - first)).IndexOf((byte)'\n') + 1;
                if (length == 0)
                {
                    throw new InvalidDataException($"the record at {position} has no end below {end}");
                }

                yield return LogRecord.Parse(id, bytes.AsMemory((int)(position - first), length), position);
                position += length;
            }
        }

        if (position < mark)
        {
            throw new InvalidDataException($"the segments end at {position}, the mark is {mark}");
        }
    }

    /// <returns>The requested bytes; fewer at the end of the file.</returns>
    private static byte[] ReadRange(string path, long from, int count)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var bytes = new byte[count];
        file.Position = from;
        return bytes[..file.ReadAtLeast(bytes, count, throwOnEndOfStream: false)];
    }
}
