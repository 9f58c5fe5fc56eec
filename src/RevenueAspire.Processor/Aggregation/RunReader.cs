using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Aggregation;

/// <summary>Reads one run in order. Not thread-safe.</summary>
/// <param name="run">The run.</param>
/// <param name="from">The place of the first record to read.</param>
/// <param name="bufferBytes">Bytes per read, at least <see cref="RunFile.LongestRecord"/>.</param>
internal sealed class RunReader(SortedRun run, RunPlace from, int bufferBytes = RunReader.BufferBytes)
{
    /// <summary>Default number of bytes per read.</summary>
    public const int BufferBytes = 64 << 10;

    // A record may end at the end of the buffer, but its sum is read as 16 bytes.
    private readonly byte[] _buffer = new byte[bufferBytes + sizeof(ulong) * 2];
    private readonly FileEventBytes? _events = run.Events is { } events ? new FileEventBytes(events) : null;
    private readonly int _trailer = run.Events is null ? 0 : RunFile.EventsLength;
    private long _next = from.Offset;
    private long _eventsAt = from.EventsAt;
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
            _eventsAt += EventsLength;
            _at += RunFile.RecordHeader + _length + _buffer[_at + 1] + _trailer;
        }

        if (_filled - _at < RunFile.LongestRecord && _next < run.End)
        {
            Fill();
        }

        _length = _at < _filled ? _buffer[_at] + 1 : 0;
        return _length > 0;
    }

    /// <summary>Adds the user's events to a merge. They stay valid after the next <see cref="Read()"/>.</summary>
    public void AddEventsTo(EventMerge merge)
    {
        if (_events is not null)
        {
            merge.Add(_events, _eventsAt, EventsLength);
        }
    }

    private int EventsLength => _trailer == 0 ? 0
        : BinaryPrimitives.ReadInt32LittleEndian(_buffer.AsSpan(_at + RunFile.RecordHeader + _length + _buffer[_at + 1]));

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
                throw new SpoolException("A file in the folder spool is shorter than the data written to it.");
            }

            _filled += count;
            _next += count;
        }
    }
}

/// <summary>The events of a run, on disk. Not thread-safe.</summary>
internal sealed class FileEventBytes(RunEvents events) : EventBytes(events.Form)
{
    private const int BufferBytes = 16 << 10;
    private byte[] _buffer = [];
    private long _from;
    private int _filled;

    /// <inheritdoc/>
    public override ReadOnlySpan<byte> Peek(long at, long end)
    {
        var needed = (int)Math.Min(end - at, HistoryCodec.MaxEventBytes);
        if (at < _from || at + needed > _from + _filled)
        {
            Fill(at);
        }

        var start = (int)(at - _from);
        return _buffer.AsSpan(start, (int)Math.Min(end - at, _filled - start));
    }

    private void Fill(long at)
    {
        if (_buffer.Length == 0)
        {
            _buffer = new byte[BufferBytes];
        }

        (_from, _filled) = (at, 0);
        while (_filled < _buffer.Length && at + _filled < events.End)
        {
            try
            {
                var free = (int)Math.Min(_buffer.Length - _filled, events.End - at - _filled);
                var count = RandomAccess.Read(events.File, _buffer.AsSpan(_filled, free), at + _filled);
                _filled += count > 0 ? count : throw new SpoolException("A file in the folder spool is shorter than the data written to it.");
            }
            catch (IOException exception) when (exception is not SpoolException)
            {
                throw new SpoolException($"A file in the folder spool cannot be read: {exception.Message}", exception);
            }
        }
    }
}
