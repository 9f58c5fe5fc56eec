using System.Buffers;

namespace RevenueAspire.Client.Sending;

/// <summary>A piece of the file that is sent as one request: one line, or up to N lines of a batch. Belongs to one thread at a time.</summary>
internal sealed class OutboundRequest
{
    private byte[] _buffer = [];
    private int[] _lineNumbers = [];
    private int _length;
    private long _firstLine;

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

    /// <summary>Lines that the API took, once it is answered.</summary>
    public int Accepted { get; set; }

    /// <summary>Its bad lines in file order, once it is answered.</summary>
    public List<RejectedLine>? Rejected { get; set; }

    /// <summary>The lines, each with a newline behind it.</summary>
    public ReadOnlyMemory<byte> Body => _buffer.AsMemory(0, _length);

    /// <summary>Bytes in <see cref="Body"/>.</summary>
    public int Length => _length;

    /// <summary>False after an attempt that broke off: the connection may still be reading the buffer, so it must not be reused.</summary>
    public bool MayReuseBuffer { get; set; } = true;

    /// <summary>Number in the file of the line at an index of this request.</summary>
    public long LineNumber(int index) => _firstLine + _lineNumbers[index];

    public void Add(ReadOnlySpan<byte> line, long lineNumber)
    {
        Reserve(ref _buffer, _length, line.Length + 1);
        line.CopyTo(_buffer.AsSpan(_length));
        _buffer[_length + line.Length] = (byte)'\n';
        _length += line.Length + 1;

        Reserve(ref _lineNumbers, Lines, 1);
        if (Lines == 0)
        {
            _firstLine = lineNumber;
        }

        _lineNumbers[Lines++] = (int)(lineNumber - _firstLine);
        LastLine = lineNumber;
    }

    /// <summary>Gives the buffers back; <see cref="Body"/> must not be used afterwards.</summary>
    public void Release()
    {
        if (MayReuseBuffer && _buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
        }

        if (_lineNumbers.Length > 0)
        {
            ArrayPool<int>.Shared.Return(_lineNumbers);
        }

        _buffer = [];
        _lineNumbers = [];
        _length = 0;
    }

    private static void Reserve<T>(ref T[] array, int used, int more)
    {
        if (array.Length - used >= more)
        {
            return;
        }

        var larger = ArrayPool<T>.Shared.Rent(Math.Max(used + more, array.Length * 2));
        array.AsSpan(0, used).CopyTo(larger);
        if (array.Length > 0)
        {
            ArrayPool<T>.Shared.Return(array);
        }

        array = larger;
    }
}
