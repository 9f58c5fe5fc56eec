using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace RevenueAspire.Processor.Aggregation;

/// <summary>Reads one run in order. Not thread-safe.</summary>
/// <param name="run">The run.</param>
/// <param name="from">Offset of a record.</param>
/// <param name="bufferBytes">What is read at once, at least <see cref="RunFile.LongestRecord"/>.</param>
internal sealed class RunReader(SortedRun run, long from, int bufferBytes = RunReader.BufferBytes)
{
    /// <summary>Read at once where memory does not matter.</summary>
    public const int BufferBytes = 64 << 10;

    // The longest record may end at the end of what was read, and its sum is taken as 16 bytes.
    private readonly byte[] _buffer = new byte[bufferBytes + sizeof(ulong) * 2];
    private long _next = from;
    private int _at;
    private int _filled;
    private int _length;

    /// <summary>The user; valid until the next <see cref="Read"/>.</summary>
    public ReadOnlySpan<byte> UserId => _buffer.AsSpan(_at + RunFile.RecordHeader, _length);

    /// <summary>The user's sum in this run.</summary>
    public Int128 Delta
    {
        get
        {
            var sumBytes = _buffer[_at + 1];
            var bytes = _buffer.AsSpan(_at + RunFile.RecordHeader + _length);
            var zigzag = sumBytes <= sizeof(ulong)
                ? BinaryPrimitives.ReadUInt64LittleEndian(bytes) & (sumBytes == sizeof(ulong) ? ulong.MaxValue : (1UL << (8 * sumBytes)) - 1)
                : BinaryPrimitives.ReadUInt128LittleEndian(bytes) & (UInt128.MaxValue >> (128 - (8 * sumBytes)));
            return (Int128)(zigzag >> 1) ^ -(Int128)(zigzag & 1);
        }
    }

    /// <summary>Moves to the next user; false at the end.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool Read()
    {
        if (_length > 0)
        {
            _at += RunFile.RecordHeader + _length + _buffer[_at + 1];
        }

        if (_filled - _at < RunFile.LongestRecord && _next < run.End)
        {
            Fill();
        }

        _length = _at < _filled ? _buffer[_at] + 1 : 0;
        return _length > 0;
    }

    private int Read(Span<byte> destination)
    {
        try
        {
            return RandomAccess.Read(run.File, destination, _next);
        }
        catch (IOException exception)
        {
            throw new SpoolException($"A file in the folder spool cannot be read: {exception.Message}", exception);
        }
    }

    private void Fill()
    {
        _buffer.AsSpan(_at, _filled - _at).CopyTo(_buffer);
        (_at, _filled) = (0, _filled - _at);
        while (_filled < bufferBytes && _next < run.End)
        {
            var count = Read(_buffer.AsSpan(_filled, (int)Math.Min(bufferBytes - _filled, run.End - _next)));
            if (count == 0)
            {
                throw new SpoolException("A file in the folder spool has become shorter than what was written to it.");
            }

            _filled += count;
            _next += count;
        }
    }
}
