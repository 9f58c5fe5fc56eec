using System.Buffers;
using RevenueAspire.EventLog.Format;
using RevenueAspire.EventLog.Storage;

namespace RevenueAspire.EventLog.Recovery;

/// <summary>Content of an unsealed segment: the whole groups, the damage between them, and the tail after the last one.</summary>
/// <remarks>A whole group is one valid record without <c>batch</c>, or consecutive records up to a closing one with the right count and CRC. All other bytes
/// are damage if a whole group follows, otherwise the tail.</remarks>
internal sealed class SegmentScan
{
    private const int InitialBuffer = 256 * 1024;
    private readonly ILogFile _file;
    private readonly List<long> _open = [];

    private SegmentScan(ILogFile file, long start)
    {
        _file = file;
        Start = start;
        ValidEnd = start;
    }

    /// <summary>Log offset of the segment.</summary>
    public long Start { get; }

    /// <summary>Log offset after the last nonzero byte. Zeros after it are the writer's reserve, because no record ends in a zero.</summary>
    public long FileEnd { get; private set; }

    /// <summary>Log offset after the last whole group.</summary>
    public long ValidEnd { get; private set; }

    /// <summary>Ranges below <see cref="ValidEnd"/> that belong to no whole group, ascending.</summary>
    public List<LogRange> Damaged { get; } = [];

    /// <summary>Keyed records of whole groups, in log order.</summary>
    public List<KeyedRecord> Keys { get; } = [];

    /// <summary>Scans a segment.</summary>
    /// <param name="file">The segment's file.</param>
    /// <param name="start">Its log offset.</param>
    /// <param name="limit">Log offset at which to stop, because the next segment begins there.</param>
    public static SegmentScan Run(ILogFile file, long start, long limit = long.MaxValue)
    {
        var scan = new SegmentScan(file, start) { FileEnd = Math.Min(start + file.Length, limit) };
        scan.SkipZeros();
        scan.Run();
        return scan;
    }

    private void SkipZeros()
    {
        var buffer = ArrayPool<byte>.Shared.Rent(InitialBuffer);
        while (FileEnd > Start)
        {
            var from = Math.Max(Start, FileEnd - buffer.Length);
            var last = buffer.AsSpan(0, ReadAt(buffer.AsSpan(0, (int)(FileEnd - from)), from)).LastIndexOfAnyExcept((byte)0);
            FileEnd = from + last + 1;
            if (last >= 0)
            {
                break;
            }
        }

        ArrayPool<byte>.Shared.Return(buffer);
    }

    private void Run()
    {
        var buffer = ArrayPool<byte>.Shared.Rent(InitialBuffer);
        try
        {
            // The buffer holds [lineAt, lineAt + held) of the log. Its first 'searched' bytes contain no newline.
            var lineAt = Start;
            int held = 0, searched = 0;
            while (true)
            {
                var newline = buffer.AsSpan(searched, held - searched).IndexOf((byte)'\n');
                if (newline >= 0)
                {
                    lineAt = TakeLines(buffer, ref held, lineAt, searched + newline);
                    searched = 0;
                    continue;
                }

                searched = held;
                if (held > RecordFields.MaxRecordBytes)
                {
                    // Too long for a record, for example a tail of zeros: skip to the next newline without buffering the bytes before it.
                    lineAt += held;
                    held = searched = 0;
                    _open.Clear();
                    lineAt = SkipLine(buffer, lineAt);
                }

                if (held == buffer.Length)
                {
                    var larger = ArrayPool<byte>.Shared.Rent(2 * buffer.Length);
                    buffer.AsSpan(0, held).CopyTo(larger);
                    ArrayPool<byte>.Shared.Return(buffer);
                    buffer = larger;
                }

                var count = ReadAt(buffer.AsSpan(held), lineAt + held);
                if (count == 0)
                {
                    return;
                }

                held += count;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Handles all complete lines in the buffer, moves the rest to the front, and returns the log offset of the rest.</summary>
    private long TakeLines(byte[] buffer, ref int held, long lineAt, int newline)
    {
        var from = 0;
        while (newline >= 0)
        {
            TakeLine(buffer.AsSpan(from, newline), lineAt);
            lineAt += newline + 1;
            from += newline + 1;
            newline = buffer.AsSpan(from, held - from).IndexOf((byte)'\n');
        }

        buffer.AsSpan(from, held - from).CopyTo(buffer);
        held -= from;
        return lineAt;
    }

    private void TakeLine(ReadOnlySpan<byte> line, long at)
    {
        var end = at + line.Length + 1;
        if (line.Length > RecordFields.MaxRecordBytes || !RecordFields.TryRead(line, out var fields))
        {
            _open.Clear();
            return;
        }

        switch (fields.Role)
        {
            case RecordRole.Open:
                _open.Add(at);
                return;
            case RecordRole.Single:
                TakeGroup(at, end, at, fields);
                break;
            case RecordRole.Closing when IsWhole(fields, at):
                TakeGroup(fields.From, end, at, fields);
                break;
        }

        _open.Clear();
    }

    private bool IsWhole(in RecordFields closing, long at)
    {
        var first = closing.From == at ? _open.Count : _open.BinarySearch(closing.From);
        return first >= 0 && _open.Count - first + 1 == closing.Count && ComputeCrc(closing.From, at + closing.CrcEnd) == closing.Crc;
    }

    private void TakeGroup(long from, long end, long lastRecord, in RecordFields fields)
    {
        if (from > ValidEnd)
        {
            Damaged.Add(new LogRange(ValidEnd, from));
        }

        ValidEnd = end;
        if (fields.HasKey)
        {
            Keys.Add(new KeyedRecord(fields.Key, fields.Body, lastRecord, fields.Count, fields.RejectedCount));
        }
    }

    private uint ComputeCrc(long from, long to)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(InitialBuffer);
        var state = Crc32C.Initial;
        while (from < to)
        {
            var count = ReadAt(buffer.AsSpan(0, (int)Math.Min(buffer.Length, to - from)), from);
            if (count == 0)
            {
                break;
            }

            state = Crc32C.Append(state, buffer.AsSpan(0, count));
            from += count;
        }

        ArrayPool<byte>.Shared.Return(buffer);
        return Crc32C.Finish(state);
    }

    private long SkipLine(byte[] buffer, long at)
    {
        while (true)
        {
            var count = ReadAt(buffer, at);
            var newline = buffer.AsSpan(0, count).IndexOf((byte)'\n');
            if (newline >= 0)
            {
                return at + newline + 1;
            }

            if (count == 0)
            {
                return at;
            }

            at += count;
        }
    }

    private int ReadAt(Span<byte> destination, long at)
    {
        var room = (int)Math.Min(destination.Length, FileEnd - at);
        return room <= 0 ? 0 : _file.Read(destination[..room], at - Start);
    }
}
