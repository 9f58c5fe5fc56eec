using System.Buffers;
using RevenueAspire.EventLog.Format;
using RevenueAspire.EventLog.Storage;

namespace RevenueAspire.EventLog.Reading;

/// <summary>An open segment and the state of its checksums. Reads are thread-safe; call <see cref="Take"/> and <see cref="Drop"/> under the table's
/// lock.</summary>
internal sealed class OpenSegment(IFileSystem files, string directory, long start, Guid logId)
{
    private const byte Unknown = 0;
    private const byte Good = 1;
    private const byte Bad = 2;
    private readonly ILogFile _file = files.Open(Path.Combine(directory, LogFiles.Segment(start)), OpenKind.Read);
    private int _users = 1;
    private volatile Verified? _verified;

    /// <summary>Log offset of its first byte.</summary>
    public long Start { get; } = start;

    /// <summary>Log offset after the last byte that exists now.</summary>
    public long End => Start + Math.Min(_file.Length, _verified?.Seal.Length ?? long.MaxValue);

    public void Take() => _users++;

    /// <summary>Releases one use; the last release closes the file.</summary>
    public void Drop()
    {
        if (--_users == 0)
        {
            _file.Dispose();
        }
    }

    /// <summary>Loads the seal if there is one now: a segment may be sealed while it is being read. Call it before each read, but after reading the mark,
    /// because recovery seals damaged bytes before it moves the mark past them.</summary>
    public void LookForSeal()
    {
        if (_verified is null && SegmentSeal.Read(files, directory, Start, logId, withKeys: false) is { } seal)
        {
            // Two threads may verify the same block, which costs only time.
            _verified = new Verified(seal, new byte[seal.BlockCrcs.Length]);
        }
    }

    /// <summary>Reads one byte without verification; null past the end.</summary>
    public byte? ReadUnverified(long offset)
    {
        Span<byte> single = stackalloc byte[1];
        return _file.Read(single, offset - Start) == 1 ? single[0] : null;
    }

    /// <summary>Reads existing bytes, up to the first damage.</summary>
    public LogRead Read(long offset, Span<byte> destination)
    {
        var verified = _verified;
        if (verified is null)
        {
            return new LogRead(_file.Read(destination, offset - Start), 0, null);
        }

        foreach (var range in verified.Seal.Damaged)
        {
            if (offset >= range.From && offset < range.To)
            {
                return new LogRead(0, range.To, $"{directory}: recovery found bytes {offset} to {range.To} of the log damaged");
            }

            if (range.From > offset)
            {
                destination = destination[..(int)Math.Min(destination.Length, range.From - offset)];
                break;
            }
        }

        return ReadVerified(verified, offset, destination);
    }

    private LogRead ReadVerified(Verified verified, long offset, Span<byte> destination)
    {
        var from = offset - Start;
        var count = _file.Read(destination, from);
        var bytes = destination[..count];
        for (var block = (int)(from / SegmentSeal.BlockBytes); (long)block * SegmentSeal.BlockBytes < from + count; block++)
        {
            var blockAt = (long)block * SegmentSeal.BlockBytes;
            if (IsGood(verified, block, blockAt, from, bytes))
            {
                continue;
            }

            if (blockAt > from)
            {
                return new LogRead((int)(blockAt - from), 0, null);
            }

            var through = Start + Math.Min(blockAt + SegmentSeal.BlockBytes, verified.Seal.Length);
            return new LogRead(
                0, through, $"{directory}: bytes {Start + blockAt} to {through} of the log do not match their stored checksum");
        }

        return new LogRead(count, 0, null);
    }

    private bool IsGood(Verified verified, int block, long blockAt, long from, ReadOnlySpan<byte> bytes)
    {
        var state = Volatile.Read(ref verified.Blocks[block]);
        if (state == Unknown)
        {
            var length = (int)Math.Min(SegmentSeal.BlockBytes, verified.Seal.Length - blockAt);
            var isWhole = blockAt >= from && blockAt + length <= from + bytes.Length;
            var crc = isWhole ? Crc32C.Compute(bytes.Slice((int)(blockAt - from), length)) : ComputeFromFile(blockAt, length);
            state = crc == verified.Seal.BlockCrcs[block] ? Good : Bad;
            Volatile.Write(ref verified.Blocks[block], state);
        }

        return state == Good;
    }

    private uint ComputeFromFile(long blockAt, int length)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(length);
        var count = _file.Read(buffer.AsSpan(0, length), blockAt);
        var crc = Crc32C.Compute(buffer.AsSpan(0, count));
        ArrayPool<byte>.Shared.Return(buffer);
        return crc;
    }

    /// <summary>A seal and the state of its blocks. Each block is verified once while the segment is open.</summary>
    private sealed record Verified(SegmentSeal Seal, byte[] Blocks);
}
