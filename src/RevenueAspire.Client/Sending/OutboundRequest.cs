using System.Buffers;

namespace RevenueAspire.Client.Sending;

/// <summary>A part of the file sent as one request: one line, or a batch of up to N lines. Belongs to one thread at a time.</summary>
internal sealed class OutboundRequest
{
    private byte[] _buffer = [];
    private int _length;
    private long _firstLine;

    /// <summary>Gaps in the line numbers, caused by skipped blank lines: from this index on, the given number of lines is missing.</summary>
    private List<(int Index, long Missing)>? _gaps;

    /// <summary>Byte offset of the first line in the file. It is part of the key, so it must be the same in a resumed run.</summary>
    public required long Offset { get; init; }

    /// <summary>Byte offset after the last line.</summary>
    public long End { get; set; }

    /// <summary>Number of the last line, from 1.</summary>
    public long LastLine { get; set; }

    /// <summary>Number of lines, none of them blank.</summary>
    public int Lines { get; private set; }

    /// <summary>The highest log position known before the first attempt. If the request was appended, it is after this position.</summary>
    public long AsOf { get; set; }

    /// <summary>If an earlier process may have sent the request: its <see cref="AsOf"/> there; else null. Set before the request is added to the
    /// tracker.</summary>
    public long? CarriedAsOf { get; init; }

    /// <summary>Whether an attempt ended without a conclusive answer, so the request may have been appended.</summary>
    public bool MayBeAppended { get; set; }

    /// <summary>Whether nothing must be sent, because the only line is too long.</summary>
    public bool IsAnswered { get; set; }

    /// <summary>Used only by <see cref="ProgressTracker"/>, under its lock.</summary>
    internal bool IsComplete { get; set; }

    /// <summary>Number of accepted lines, after the answer.</summary>
    public int Accepted { get; set; }

    /// <summary>Set if the request was accepted by another log than the run's first one.</summary>
    public string? OtherLog { get; set; }

    /// <summary>The rejected lines in file order, after the answer.</summary>
    public List<RejectedLine>? Rejected { get; set; }

    /// <summary>The lines, each followed by a newline.</summary>
    public ReadOnlyMemory<byte> Body => _buffer.AsMemory(0, _length);

    public int Length => _length;

    /// <summary>False after an aborted attempt: the connection may still read the buffer, so it must not be reused.</summary>
    public bool MayReuseBuffer { get; set; } = true;

    /// <summary>Converts an index in this request to a line number in the file.</summary>
    public long LineNumber(int index)
    {
        if (_gaps is null)
        {
            return _firstLine + index;
        }

        // Find the last gap at or before the index. Use binary search, because there may be as many gaps and as many calls as lines.
        var found = _gaps.BinarySearch((index, long.MaxValue));
        var before = (found < 0 ? ~found : found) - 1;
        return _firstLine + index + (before < 0 ? 0 : _gaps[before].Missing);
    }

    /// <summary>Adds a line.</summary>
    /// <param name="line">The line without its newline.</param>
    /// <param name="lineNumber">Number in the file, from 1.</param>
    public void Add(ReadOnlySpan<byte> line, long lineNumber)
    {
        Reserve(line.Length + 1);
        line.CopyTo(_buffer.AsSpan(_length));
        _buffer[_length + line.Length] = (byte)'\n';
        _length += line.Length + 1;
        Count(1, lineNumber);
    }

    /// <summary>Adds consecutive lines of the file.</summary>
    /// <param name="lines">The lines, each with its newline.</param>
    /// <param name="count">Number of lines.</param>
    /// <param name="firstNumber">Number of the first line in the file, from 1.</param>
    public void AddAll(ReadOnlySpan<byte> lines, int count, long firstNumber)
    {
        Reserve(lines.Length);
        lines.CopyTo(_buffer.AsSpan(_length));
        _length += lines.Length;
        Count(count, firstNumber);
    }

    /// <summary>Returns the buffer to the pool; <see cref="Body"/> must not be used afterwards.</summary>
    public void Release()
    {
        if (MayReuseBuffer && _buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
        }

        _buffer = [];
        _length = 0;
    }

    private void Count(int lines, long firstNumber)
    {
        if (Lines == 0)
        {
            _firstLine = firstNumber;
        }
        else if (firstNumber != LastLine + 1)
        {
            (_gaps ??= []).Add((Lines, firstNumber - _firstLine - Lines));
        }

        Lines += lines;
        LastLine = firstNumber + lines - 1;
    }

    private void Reserve(int more)
    {
        if (_buffer.Length - _length >= more)
        {
            return;
        }

        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(_length + more, _buffer.Length * 2));
        _buffer.AsSpan(0, _length).CopyTo(larger);
        if (_buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
        }

        _buffer = larger;
    }
}
