using System.Buffers.Binary;
using RevenueAspire.EventLog.Storage;

namespace RevenueAspire.EventLog.Format;

/// <summary>Sidecar file of a sealed segment (rule L8): its length, a CRC-32C per block, the ranges that recovery found damaged, and its keyed records. Because
/// of these records, a start need not scan sealed segments.</summary>
/// <remarks>Little-endian, sizes in bytes. Head: magic 8, log id 16, start 8, length 8, keysFrom 8, blocks 4, damaged ranges 4, keyed records 4. Then block
/// CRCs (4 each), damaged ranges (16 each), and a CRC of everything so far (4). Then keyed records (48 each) and their CRC (4). A reader needs only the part up
/// to the first CRC.</remarks>
internal sealed class SegmentSeal
{
    public const int BlockBytes = 64 * 1024;
    private const int HeadBytes = 60;
    private const int KeyedRecordBytes = 48;

    public required Guid LogId { get; init; }

    public required long Start { get; init; }

    /// <summary>Length of the segment in bytes.</summary>
    public required long Length { get; init; }

    /// <summary>The start of the key window when the segment was sealed. The seal lists only keyed records from this offset on.</summary>
    public required long KeysFrom { get; init; }

    public required uint[] BlockCrcs { get; init; }

    /// <summary>Damaged ranges, ascending by log offset. The checksums cover the damaged bytes, so they do not reveal the damage.</summary>
    public required LogRange[] Damaged { get; init; }

    /// <summary>In log order; empty if read without keys.</summary>
    public required KeyedRecord[] Keys { get; init; }

    /// <summary>Whether the segment has keyed records, even if they were not read.</summary>
    public bool HasKeys { get; private init; }

    public long End => Start + Length;

    private static ReadOnlySpan<byte> Magic => "RASEAL01"u8;

    public void Write(IFileSystem files, string directory) => files.WriteAtomically(directory, LogFiles.Seal(Start), ToBytes());

    /// <summary>Reads the seal of a segment; null if it is missing, damaged, or belongs to another log.</summary>
    public static SegmentSeal? Read(IFileSystem files, string directory, long start, Guid logId, bool withKeys)
    {
        var path = Path.Combine(directory, LogFiles.Seal(start));
        if (!files.FileExists(path))
        {
            return null;
        }

        using var file = files.Open(path, OpenKind.Read);
        var head = new byte[HeadBytes];
        if (file.Read(head, 0) < HeadBytes || !head.AsSpan(0, 8).SequenceEqual(Magic))
        {
            return null;
        }

        var blocks = BinaryPrimitives.ReadInt32LittleEndian(head.AsSpan(48));
        var ranges = BinaryPrimitives.ReadInt32LittleEndian(head.AsSpan(52));
        var keys = BinaryPrimitives.ReadInt32LittleEndian(head.AsSpan(56));
        var middle = HeadBytes + (4L * blocks) + (16L * ranges);
        var total = middle + 4 + ((long)KeyedRecordBytes * keys) + 4;
        if (blocks < 0 || ranges < 0 || keys < 0 || total != file.Length)
        {
            return null;
        }

        var bytes = new byte[withKeys ? total : middle + 4];
        if (file.Read(bytes, 0) < bytes.Length
            || Crc32C.Compute(bytes.AsSpan(0, (int)middle)) != BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan((int)middle)))
        {
            return null;
        }

        var keyBytes = withKeys ? bytes.AsSpan((int)middle + 4, KeyedRecordBytes * keys) : default;
        if (withKeys && Crc32C.Compute(keyBytes) != BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(bytes.Length - 4)))
        {
            return null;
        }

        var seal = Parse(bytes.AsSpan(0, (int)middle), blocks, ranges, keys > 0, keyBytes);
        return seal.LogId == logId && seal.Start == start ? seal : null;
    }

    private static SegmentSeal Parse(ReadOnlySpan<byte> head, int blocks, int ranges, bool hasKeys, ReadOnlySpan<byte> keyBytes)
    {
        var crcs = new uint[blocks];
        for (var i = 0; i < blocks; i++)
        {
            crcs[i] = BinaryPrimitives.ReadUInt32LittleEndian(head[(HeadBytes + (4 * i))..]);
        }

        var damaged = new LogRange[ranges];
        for (var i = 0; i < ranges; i++)
        {
            var at = head[(HeadBytes + (4 * blocks) + (16 * i))..];
            damaged[i] = new LogRange(BinaryPrimitives.ReadInt64LittleEndian(at), BinaryPrimitives.ReadInt64LittleEndian(at[8..]));
        }

        var keys = new KeyedRecord[keyBytes.Length / KeyedRecordBytes];
        for (var i = 0; i < keys.Length; i++)
        {
            var at = keyBytes[(KeyedRecordBytes * i)..];
            keys[i] = new KeyedRecord(
                BinaryPrimitives.ReadUInt128LittleEndian(at),
                BinaryPrimitives.ReadUInt128LittleEndian(at[16..]),
                BinaryPrimitives.ReadInt64LittleEndian(at[32..]),
                BinaryPrimitives.ReadInt32LittleEndian(at[40..]),
                BinaryPrimitives.ReadInt32LittleEndian(at[44..]));
        }

        return new SegmentSeal
        {
            LogId = new Guid(head.Slice(8, 16)),
            Start = BinaryPrimitives.ReadInt64LittleEndian(head[24..]),
            Length = BinaryPrimitives.ReadInt64LittleEndian(head[32..]),
            KeysFrom = BinaryPrimitives.ReadInt64LittleEndian(head[40..]),
            BlockCrcs = crcs,
            Damaged = damaged,
            HasKeys = hasKeys,
            Keys = keys,
        };
    }

    private byte[] ToBytes()
    {
        var middle = HeadBytes + (4 * BlockCrcs.Length) + (16 * Damaged.Length);
        var bytes = new byte[checked(middle + 4 + (KeyedRecordBytes * Keys.Length) + 4)];
        var head = bytes.AsSpan(0, middle);
        Magic.CopyTo(head);
        LogId.TryWriteBytes(head[8..]);
        BinaryPrimitives.WriteInt64LittleEndian(head[24..], Start);
        BinaryPrimitives.WriteInt64LittleEndian(head[32..], Length);
        BinaryPrimitives.WriteInt64LittleEndian(head[40..], KeysFrom);
        BinaryPrimitives.WriteInt32LittleEndian(head[48..], BlockCrcs.Length);
        BinaryPrimitives.WriteInt32LittleEndian(head[52..], Damaged.Length);
        BinaryPrimitives.WriteInt32LittleEndian(head[56..], Keys.Length);
        for (var i = 0; i < BlockCrcs.Length; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(head[(HeadBytes + (4 * i))..], BlockCrcs[i]);
        }

        for (var i = 0; i < Damaged.Length; i++)
        {
            var at = head[(HeadBytes + (4 * BlockCrcs.Length) + (16 * i))..];
            BinaryPrimitives.WriteInt64LittleEndian(at, Damaged[i].From);
            BinaryPrimitives.WriteInt64LittleEndian(at[8..], Damaged[i].To);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(middle), Crc32C.Compute(head));
        var keyBytes = bytes.AsSpan(middle + 4, KeyedRecordBytes * Keys.Length);
        for (var i = 0; i < Keys.Length; i++)
        {
            var at = keyBytes[(KeyedRecordBytes * i)..];
            BinaryPrimitives.WriteUInt128LittleEndian(at, Keys[i].Key);
            BinaryPrimitives.WriteUInt128LittleEndian(at[16..], Keys[i].Body);
            BinaryPrimitives.WriteInt64LittleEndian(at[32..], Keys[i].Offset);
            BinaryPrimitives.WriteInt32LittleEndian(at[40..], Keys[i].Count);
            BinaryPrimitives.WriteInt32LittleEndian(at[44..], Keys[i].RejectedCount);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(bytes.Length - 4), Crc32C.Compute(keyBytes));
        return bytes;
    }
}
