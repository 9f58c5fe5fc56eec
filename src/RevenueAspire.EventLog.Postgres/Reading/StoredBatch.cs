using System.IO.Compression;
using RevenueAspire.EventLog.Format;
using RevenueAspire.EventLog.Postgres.Writing;

namespace RevenueAspire.EventLog.Postgres.Reading;

/// <summary>A batch row, unpacked. Immutable.</summary>
/// <param name="From">Offset of its first byte.</param>
/// <param name="To">Offset after its last byte.</param>
/// <param name="Bytes">The log bytes in [From, To); empty if damaged.</param>
/// <param name="Damage">Description of the damage for people, else null.</param>
internal sealed record StoredBatch(long From, long To, byte[] Bytes, string? Damage)
{
    /// <summary>Unpacks a row and verifies its checksum, because a changed digit would still be valid JSON.</summary>
    public static StoredBatch Unpack(long from, long to, BatchEncoding encoding, uint crc, byte[] stored)
    {
        var bytes = encoding == BatchEncoding.Plain ? stored : Inflate(stored, to - from);
        var damage = bytes is null || bytes.Length != to - from ? "the stored batch cannot be unpacked to its length"
            : Crc32C.Compute(bytes) != crc ? "the checksum of the stored batch is wrong"
            : null;
        return new StoredBatch(from, to, damage is null ? bytes! : [], damage);
    }

    /// <summary>Whether a record begins at an offset within the batch.</summary>
    public bool IsRecord(long offset) => Damage is null && (offset == From || Bytes[offset - From - 1] == (byte)'\n');

    private static byte[]? Inflate(byte[] stored, long length)
    {
        var bytes = GC.AllocateUninitializedArray<byte>(checked((int)length));
        return BrotliDecoder.TryDecompress(stored, bytes, out var written) && written == length ? bytes : null;
    }
}
