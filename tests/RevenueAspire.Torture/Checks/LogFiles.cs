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
        return file.ReadAtLeast(bytes, MarkBytes, throwOnEndOfStream: false) == MarkBytes && BinaryPrimitives.ReadInt64LittleEndian(bytes) is var mark
            && BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(8)) == ~mark
            ? mark
            : 0;
    }

    /// <summary>The log's segments: offset of the first byte, and path.</summary>
    public static (long Start, string Path)[] Segments(string directory) =>
        [.. Directory.GetFiles(directory, "*.jsonl").Select(path => (long.Parse(Path.GetFileNameWithoutExtension(path), CultureInfo.InvariantCulture), path))
            .Order()];

    /// <summary>How far the ledger is behind the mark, for people; empty when it is not.</summary>
    public static async Task<string> FindLagAsync(string directory, PostgresHost postgres)
    {
        var mark = ReadMark(directory);
        var applied = await postgres.ExecuteAsync("select applied_through from event_source where kind = 'log'") is long through ? through : 0;
        return applied == mark ? "" : FormattableString.Invariant($"at {applied}, and the mark at {mark}");
    }

    /// <summary>The records from an offset up to the mark, in order.</summary>
    /// <param name="directory">The log's folder.</param>
    /// <param name="from">Offset of a record's first byte; the log's beginning by default.</param>
    /// <exception cref="InvalidDataException">What is there below the mark is no sequence of records without a gap.</exception>
    public static IEnumerable<LogRecord> Read(string directory, long from = 0)
    {
        // Before the segments are looked up: a segment that comes later holds nothing below this mark.
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
                throw new InvalidDataException($"the segment {Path.GetFileName(path)} does not begin at {position}");
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

    /// <returns>Fewer bytes than asked for when the file has no more.</returns>
    private static byte[] ReadRange(string path, long from, int count)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var bytes = new byte[count];
        file.Position = from;
        return bytes[..file.ReadAtLeast(bytes, count, throwOnEndOfStream: false)];
    }
}
