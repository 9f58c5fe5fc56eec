namespace RevenueAspire.EventLog.Format;

/// <summary>Collects the CRC-32C of each 64 KB block while a segment is written, so that sealing need not read the segment again.</summary>
internal sealed class BlockChecksums
{
    private readonly List<uint> _finished = [];
    private uint _state = Crc32C.Initial;

    public long Length { get; private set; }

    public void Append(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var room = SegmentSeal.BlockBytes - (int)(Length % SegmentSeal.BlockBytes);
            var piece = bytes[..Math.Min(room, bytes.Length)];
            _state = Crc32C.Append(_state, piece);
            Length += piece.Length;
            if (piece.Length == room)
            {
                _finished.Add(Crc32C.Finish(_state));
                _state = Crc32C.Initial;
            }

            bytes = bytes[piece.Length..];
        }
    }

    /// <summary>The current state. Pass it to <see cref="Restore"/> after a failed write.</summary>
    public (long Length, uint State) Save() => (Length, _state);

    public void Restore((long Length, uint State) saved)
    {
        var blocks = (int)(saved.Length / SegmentSeal.BlockBytes);
        _finished.RemoveRange(blocks, _finished.Count - blocks);
        (Length, _state) = saved;
    }

    /// <summary>Checksums of all blocks; the last block may be partial.</summary>
    public uint[] ToArray() => Length % SegmentSeal.BlockBytes == 0 ? [.. _finished] : [.. _finished, Crc32C.Finish(_state)];
}
