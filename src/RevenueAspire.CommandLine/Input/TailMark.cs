namespace RevenueAspire.CommandLine;

/// <summary>The bytes of a gzip file, followed by a mark. If the reader finds the mark, nothing was cut off. Reads only forward. Does not dispose the
/// source.</summary>
/// <remarks>
/// Zero bytes may follow the last member, as on a tape; gzip(1) ignores them. But the last member may also end in zero bytes, and only the inflater knows where
/// it ends. So this stream returns the zero bytes at the end of the file one at a time. An inflater that has reached the member's end stops at the first byte
/// after it. An inflater that needs more data reads on, up to the mark.
/// </remarks>
internal sealed class TailMark(ReadOnlyMemory<byte> begin, Stream source, ReadOnlyMemory<byte> mark) : ForwardStream
{
    private const int ChunkBytes = 64 * 1024;
    private readonly byte[] _chunk = new byte[ChunkBytes];
    private ReadOnlyMemory<byte> _first = begin;
    private ReadOnlyMemory<byte> _ready;
    private ReadOnlyMemory<byte> _mark = mark;

    /// <summary>Number of zeros that were read but not yet returned, because they may be the end of the file.</summary>
    private long _held;

    /// <summary>Number of zeros to return before <see cref="_ready"/>.</summary>
    private long _owed;

    private bool _sourceEnded;
    private bool _gaveTailZero;
    private bool _gaveMark;

    /// <summary>Whether the reader has stopped within the zeros at the end. It has then missed nothing but zeros.</summary>
    public bool StoppedInZeros => _gaveTailZero && !_gaveMark;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (!buffer.IsEmpty)
        {
            if (_owed > 0)
            {
                var zeros = (int)Math.Min(_owed, buffer.Length);
                buffer.Span[..zeros].Clear();
                _owed -= zeros;
                return zeros;
            }

            if (!_ready.IsEmpty)
            {
                return Take(ref _ready, buffer.Span);
            }

            if (_sourceEnded)
            {
                return GiveEnd(buffer.Span);
            }

            await FillAsync(cancellationToken).ConfigureAwait(false);
        }

        return 0;
    }

    private async ValueTask FillAsync(CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> read = _first;
        _first = default;
        if (read.IsEmpty)
        {
            read = _chunk.AsMemory(0, await source.ReadAsync(_chunk, cancellationToken).ConfigureAwait(false));
        }

        _sourceEnded = read.IsEmpty;
        var data = read[..(read.Span.LastIndexOfAnyExcept((byte)0) + 1)];
        if (!data.IsEmpty)
        {
            (_owed, _held) = (_held, 0);
        }

        _ready = data;
        _held += read.Length - data.Length;
    }

    private int GiveEnd(Span<byte> buffer)
    {
        if (_held > 0)
        {
            _held--;
            _gaveTailZero = true;
            buffer[0] = 0;
            return 1;
        }

        _gaveMark = true;
        return Take(ref _mark, buffer);
    }

    private static int Take(ref ReadOnlyMemory<byte> from, Span<byte> to)
    {
        var count = Math.Min(from.Length, to.Length);
        from.Span[..count].CopyTo(to);
        from = from[count..];
        return count;
    }
}
