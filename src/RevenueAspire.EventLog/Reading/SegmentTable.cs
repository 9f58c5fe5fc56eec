using RevenueAspire.EventLog.Storage;

namespace RevenueAspire.EventLog.Reading;

/// <summary>Finds the segment of an offset, keeps some segments open, and distinguishes a gap from data yet to be written. Thread-safe.</summary>
internal sealed class SegmentTable : IDisposable
{
    private const int MaxOpen = 16;
    private readonly IFileSystem _files;
    private readonly string _directory;
    private readonly Guid _logId;
    private readonly object _gate = new();
    private readonly LinkedList<OpenSegment> _open = [];
    private List<long> _starts;
    private bool _disposed;

    public SegmentTable(IFileSystem files, string directory, Guid logId)
    {
        _files = files;
        _directory = directory;
        _logId = logId;
        _starts = LogFiles.Segments(files.List(directory));
    }

    /// <summary>Log offset of the first segment; 0 without segments.</summary>
    public long FirstOffset
    {
        get
        {
            lock (_gate)
            {
                return _starts.Count == 0 ? Refresh() : _starts[0];
            }
        }
    }

    public bool IsStart(long offset)
    {
        lock (_gate)
        {
            return _starts.BinarySearch(offset) >= 0;
        }
    }

    /// <summary>Whether the byte at an offset is a newline. A damaged byte also counts, because an undamaged record may follow it.</summary>
    public bool IsNewline(long offset)
    {
        var found = ReadUnverified(offset, out var isLast);
        if (found is null && isLast)
        {
            // The offset is past the last known segment. A new one may have appeared since the folder was listed.
            lock (_gate)
            {
                Refresh();
            }

            found = ReadUnverified(offset, out _);
        }

        return found == '\n';
    }

    /// <summary>Reads bytes below a previously read mark.</summary>
    public LogRead Read(long offset, long mark, Span<byte> destination)
    {
        var segment = Acquire(offset, out var next);
        if (segment is null)
        {
            return default;
        }

        try
        {
            segment.LookForSeal();
            var end = segment.End;
            var isRemoved = false;
            if (offset >= end && next is null)
            {
                // The mark is past the end of this segment. So list the folder again: later segments may have appeared, and retention may have removed this
                // one.
                lock (_gate)
                {
                    isRemoved = Refresh() > segment.Start;
                    next = NextOf(segment.Start);
                }
            }

            end = Math.Min(end, next ?? long.MaxValue);
            if (offset < end)
            {
                var room = Math.Min(Math.Min(mark, end) - offset, destination.Length);
                var read = segment.Read(offset, destination[..(int)room]);
                return read with { DamagedThrough = Math.Min(read.DamagedThrough, mark) };
            }

            if (!isRemoved)
            {
                if (next is not { } begin)
                {
                    // The file is shorter than the mark (rule L5). So return nothing, and let the caller wait: the bytes become visible soon, or the writer's
                    // next start reports the gap.
                    return default;
                }

                if (begin > offset)
                {
                    var through = Math.Min(begin, mark);
                    return new LogRead(0, through, $"{_directory}: bytes {offset} to {through} of the log are missing");
                }
            }
        }
        finally
        {
            Release(segment);
        }

        return Read(offset, mark, destination);
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            foreach (var segment in _open)
            {
                segment.Drop();
            }

            _open.Clear();
        }
    }

    /// <summary>Reads one byte without verification; null past the end.</summary>
    private byte? ReadUnverified(long offset, out bool isLast)
    {
        var segment = Acquire(offset, out var next);
        isLast = next is null;
        if (segment is null)
        {
            return null;
        }

        try
        {
            return segment.ReadUnverified(offset);
        }
        finally
        {
            Release(segment);
        }
    }

    private OpenSegment? Acquire(long offset, out long? next)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            next = null;
            var index = IndexOf(offset);
            if (index < 0)
            {
                Refresh();
                index = IndexOf(offset);
            }

            if (index < 0)
            {
                return null;
            }

            var start = _starts[index];
            next = NextOf(start);
            var node = _open.First;
            while (node is not null && node.Value.Start != start)
            {
                node = node.Next;
            }

            if (node is null)
            {
                node = new LinkedListNode<OpenSegment>(new OpenSegment(_files, _directory, start, _logId));
                if (_open.Count == MaxOpen)
                {
                    _open.Last!.Value.Drop();
                    _open.RemoveLast();
                }
            }
            else
            {
                _open.Remove(node);
            }

            _open.AddFirst(node);
            node.Value.Take();
            return node.Value;
        }
    }

    private void Release(OpenSegment segment)
    {
        lock (_gate)
        {
            segment.Drop();
        }
    }

    private int IndexOf(long offset)
    {
        var index = _starts.BinarySearch(offset);
        return index >= 0 ? index : ~index - 1;
    }

    private long? NextOf(long start)
    {
        var index = _starts.BinarySearch(start);
        return index >= 0 && index + 1 < _starts.Count ? _starts[index + 1] : null;
    }

    /// <summary>Lists the folder. Closes segments that retention has removed, because an open file would keep its disk space.</summary>
    private long Refresh()
    {
        _starts = LogFiles.Segments(_files.List(_directory));
        if (_starts.Count == 0)
        {
            return 0;
        }

        for (var node = _open.First; node is not null;)
        {
            var (next, segment) = (node.Next, node.Value);
            if (segment.Start < _starts[0])
            {
                _open.Remove(node);
                segment.Drop();
            }

            node = next;
        }

        return _starts[0];
    }
}
