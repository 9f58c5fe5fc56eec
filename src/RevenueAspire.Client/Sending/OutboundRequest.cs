using System.Buffers;

namespace RevenueAspire.Client.Sending;

/// <summary>A piece of the file that is sent as one request: one line, or up to N lines of a batch. Belongs to one thread at a time.</summary>
internal sealed class OutboundRequest
{
    private byte[] _buffer = [];
    private int _length;
    private long _firstLine;

    /// <summary>Where line numbers jump, since blank lines are left out: from an index on, so many lines of the file are missing.</summary>
    private List<(int Index, long Missing)>? _gaps;

    /// <summary>Byte offset of its first line in the file: names the request, so it must be the same in a resumed run.</summary>
    public required long Offset { get; init; }

    /// <summary>Byte offset after its last line.</summary>
    public long End { get; set; }

    /// <summary>Number of its last line, from 1.</summary>
    public long LastLine { get; set; }

    /// <summary>Lines in it, none of them blank.</summary>
    public int Lines { get; private set; }

    /// <summary>The highest receipt that was known before it was first sent: if it was ever appended, then after this offset of the log.</summary>
    public long AsOf { get; set; }

    /// <summary>Set before it is added, when an earlier process may have sent it: what that process knew of the log then.</summary>
    public long? CarriedAsOf { get; init; }

    /// <summary>Whether an attempt ended without an answer that says what became of it.</summary>
    public bool MayBeAppended { get; set; }

    /// <summary>Set when it needs no request: its only line is too long.</summary>
    public bool IsAnswered { get; set; }

    /// <summary>Belongs to <see cref="ProgressTracker"/>, under its lock.</summary>
    internal bool IsComplete { get; set; }

    /// <summary>Lines that the API took, once it is answered.</summary>
    public int Accepted { get; set; }

    /// <summary>Set when it was accepted by another log than the run began with.</summary>
    public string? OtherLog { get; set; }

    /// <summary>Its bad lines in file order, once it is answered.</summary>
    public List<RejectedLine>? Rejected { get; set; }

    /// <summary>The lines, each with a newline behind it.</summary>
    public ReadOnlyMemory<byte> Body => _buffer.AsMemory(0, _length);

    public int Length => _length;

    /// <summary>False after an attempt that broke off: the connection may still be reading the buffer, so it must not be reused.</summary>
    public bool MayReuseBuffer { get; set; } = true;

    /// <summary>Number in the file of the line at an index of this request.</summary>
    public long LineNumber(int index)
    {
        if (_gaps is null)
        {
            return _firstLine + index;
        }

        // The last gap at or before the index. There may be as many as lines, and each line may be asked for.
        var found = _gaps.BinarySearch((index, long.MaxValue));
        var before = (found < 0 ? ~found : found) - 1;
        return _firstLine + index + (before < 0 ? 0 : _gaps[before].Missing);
    }

    /// <summary>Adds a line.</summary>
    /// <param name="line">Without its newline.</param>
    /// <param name="lineNumber">In the file, from 1.</param>
    public void Add(ReadOnlySpan<byte> line, long lineNumber)
    {
        Reserve(line.Length + 1);
        line.CopyTo(_buffer.AsSpan(_length));
        _buffer[_length + line.Length] = (byte)'\n';
        _length += line.Length + 1;
        Count(1, lineNumber);
    }

    /// <summary>Adds lines that follow each other in the file.</summary>
    /// <param name="lines">Each with its newline.</param>
    /// <param name="count">How many.</param>
    /// <param name="firstNumber">Number of the first in the file, from 1.</param>
    public void AddAll(ReadOnlySpan<byte> lines, int count, long firstNumber)
    {
        Reserve(lines.Length);
        lines.CopyTo(_buffer.AsSpan(_length));
        _length += lines.Length;
        Count(count, firstNumber);
    }

    /// <summary>Gives the buffers back; <see cref="Body"/> must not be used afterwards.</summary>
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
