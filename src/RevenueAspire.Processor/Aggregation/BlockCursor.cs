using System.Security.Cryptography;
using RevenueAspire.EventLog;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Aggregation;

/// <summary>Cuts a range into blocks of whole lines. Each free worker takes the next block. Thread-safe.</summary>
/// <remarks>Reading and hashing happen under one lock; parsing happens outside it. Memory use: one buffer per worker, plus the partial line carried over to the
/// next block.</remarks>
internal sealed class BlockCursor : IDisposable
{
    private const int BeginningBytes = 256;
    private const string UnknownDamage = "these bytes of the log cannot be read";
    private readonly Lock _lock = new();
    private readonly ISourceReader _source;
    private readonly IncrementalHash? _hash;
    private readonly int _blockBytes;
    private readonly long _to;
    private int _lineEnds;
    private long _end;
    private byte[] _carry = [];
    private int _carried;
    private long _position;
    private int _blocks;
    private bool _continuesLine;
    private bool _afterDamage;
    private bool _stopped;

    /// <param name="source">The source to read.</param>
    /// <param name="from">The start of a line. In a file, also the end of a last line that was counted without its newline.</param>
    /// <param name="end">The start of a line, or the end of the source.</param>
    /// <param name="blockBytes">Block size in bytes.</param>
    /// <param name="hash">Whether to hash the bytes.</param>
    public BlockCursor(ISourceReader source, long from, long end, int blockBytes, bool hash)
    {
        _source = source;
        _position = from;
        _to = end;
        _end = NextLineEnd(from);
        _blockBytes = blockBytes;
        _hash = hash ? IncrementalHash.CreateHash(HashAlgorithmName.SHA256) : null;
        if (from > source.FirstOffset)
        {
            Span<byte> before = stackalloc byte[1];
            if (source.Read(from - 1, before).Count == 0)
            {
                // The previous range ended right after damage.
                _afterDamage = true;
            }
            else
            {
                _continuesLine = source.Kind == SourceKind.File && before[0] != (byte)'\n';
            }
        }
    }

    /// <summary>All bytes before this offset have been handed out.</summary>
    public long HandedOut
    {
        get
        {
            lock (_lock)
            {
                return _position - _carried;
            }
        }
    }

    /// <summary>Unreadable stretches found so far; complete after the last block.</summary>
    public List<UnreadableStretch> Damage { get; } = [];

    /// <summary>Number of blocks handed out.</summary>
    public int Blocks
    {
        get
        {
            lock (_lock)
            {
                return _blocks;
            }
        }
    }

    /// <summary>SHA-256 of all bytes handed out. Call once, after the last block.</summary>
    public byte[] Hash() => _hash?.GetHashAndReset() ?? [];

    /// <summary>Hands out no more blocks: the range ends at <see cref="HandedOut"/>.</summary>
    public void Stop()
    {
        lock (_lock)
        {
            _stopped = true;
        }
    }

    /// <summary>Reads the next block.</summary>
    /// <param name="buffer">The worker's buffer; replaced by a larger one if a block needs more space.</param>
    /// <param name="block">The block.</param>
    /// <returns>False at the end, or after <see cref="Stop"/>.</returns>
    public bool TryNext(ref byte[] buffer, out Block block)
    {
        lock (_lock)
        {
            block = default;
            if (_position >= _end && _carried == 0 && _end < _to)
            {
                // A line ends here, with or without a newline. The next bytes are another line, or the newline that was written later.
                Span<byte> before = stackalloc byte[1];
                SourceScan.Fill(_source, _end - 1, before);
                _continuesLine = before[0] != (byte)'\n';
                _end = NextLineEnd(_end);
            }

            if (_stopped || (_position >= _end && _carried == 0))
            {
                return false;
            }

            if (buffer.Length < Math.Max(_carried, (int)Math.Min(_blockBytes, _end - _position + _carried)))
            {
                buffer = GC.AllocateUninitializedArray<byte>(Math.Max(_carried, _blockBytes));
            }

            var offset = _position - _carried;
            _carry.AsSpan(0, _carried).CopyTo(buffer);
            var filled = _carried;
            var searched = 0;
            _carried = 0;
            while (true)
            {
                var damage = Fill(buffer, ref filled);
                var newline = buffer.AsSpan(searched, filled - searched).LastIndexOf((byte)'\n');
                if (newline >= 0)
                {
                    var count = searched + newline + 1;
                    Carry(buffer.AsSpan(count, filled - count));
                    block = HandOut(BlockKind.Lines, buffer, offset, count, null);
                    return true;
                }

                if (damage is { } gap)
                {
                    // The damage destroys the line that it cuts off: report one reject, at the start of the line.
                    block = HandOut(BlockKind.Damaged, buffer, offset, filled, gap.Damage ?? UnknownDamage);
                    Skip(gap);
                    return true;
                }

                if (filled > _source.MaxLineBytes)
                {
                    var skipped = _afterDamage;
                    block = HandOut(skipped ? BlockKind.Skipped : BlockKind.TooLong, buffer, offset, filled, null);
                    block = block with { Count = Math.Min(filled, BeginningBytes) };
                    PassLine(buffer);
                    return true;
                }

                if (_position >= _end)
                {
                    block = HandOut(BlockKind.Lines, buffer, offset, filled, null);
                    return true;
                }

                searched = filled;
                Array.Resize(ref buffer, (int)Math.Min(Math.Max(buffer.Length * 2L, BeginningBytes), Math.Max(_source.MaxLineBytes + 1L, _blockBytes)));
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _hash?.Dispose();

    /// <summary>The next offset at which a block must end: the end of a line that may lack a newline, or the end of the range.</summary>
    private long NextLineEnd(long after)
    {
        while (_lineEnds < _source.LineEnds.Count)
        {
            if (_source.LineEnds[_lineEnds++] is var lineEnd && lineEnd > after && lineEnd < _to)
            {
                return lineEnd;
            }
        }

        return _to;
    }

    private LogRead? Fill(byte[] buffer, ref int filled)
    {
        while (filled < buffer.Length && _position < _end)
        {
            var read = _source.Read(_position, buffer.AsSpan(filled, (int)Math.Min(buffer.Length - filled, _end - _position)));
            if (read.Count == 0)
            {
                return read with { DamagedThrough = Math.Min(read.DamagedThrough, _end) };
            }

            filled += read.Count;
            _position += read.Count;
        }

        return null;
    }

    private Block HandOut(BlockKind kind, byte[] buffer, long offset, int count, string? damage)
    {
        _hash?.AppendData(buffer.AsSpan(0, count));
        var block = new Block(kind, _blocks++, offset, count, _continuesLine, _afterDamage, damage);
        _continuesLine = false;
        _afterDamage = false;
        return block;
    }

    private void Carry(ReadOnlySpan<byte> rest)
    {
        if (_carry.Length < rest.Length)
        {
            _carry = new byte[Math.Max(rest.Length, _carry.Length * 2)];
        }

        rest.CopyTo(_carry);
        _carried = rest.Length;
    }

    private void Skip(LogRead gap)
    {
        var through = gap.DamagedThrough;
        Damage.Add(new UnreadableStretch(_position, through, gap.Damage ?? UnknownDamage));
        if (_hash is not null)
        {
            Ledger.TailHash.AppendDamage(_hash, _position, through);
        }

        _position = through;
        _afterDamage = true;
    }

    /// <summary>Skips the rest of a line without storing it. The start of the line stays in the buffer.</summary>
    private void PassLine(byte[] buffer)
    {
        var window = buffer.AsSpan(Math.Min(BeginningBytes, buffer.Length / 2));
        while (_position < _end)
        {
            var read = _source.Read(_position, window[..(int)Math.Min(window.Length, _end - _position)]);
            if (read.Count == 0)
            {
                return;
            }

            var newline = window[..read.Count].IndexOf((byte)'\n');
            var passed = newline < 0 ? read.Count : newline + 1;
            _hash?.AppendData(window[..passed]);
            _position += passed;
            if (newline >= 0)
            {
                return;
            }
        }
    }
}
