using System.Buffers.Binary;
using System.Security.Cryptography;

namespace RevenueAspire.Ledger;

/// <summary>Copies bytes of a source, starting at an offset.</summary>
/// <returns>The number of copied bytes. If it is 0, the bytes up to DamagedThrough are unreadable, and reading continues there.</returns>
public delegate (int Count, long DamagedThrough) SourceBytes(long offset, Span<byte> destination);

/// <summary>Computes <see cref="LedgerSource.TailHash"/> (rule M11). The processor stores the hash, and the API compares it. Stateless.</summary>
public static class TailHash
{
    /// <summary>Maximum number of bytes that are hashed.</summary>
    public const int Bytes = 4096;

    /// <summary>Returns the SHA-256 of the last 4096 bytes before an offset, or of all if there are fewer. Returns no bytes at offset 0, or if retention has
    /// removed some of the bytes to hash.</summary>
    /// <remarks>For unreadable bytes, the hash contains their offsets instead.</remarks>
    public static byte[] Compute(long firstOffset, long through, SourceBytes read)
    {
        ArgumentNullException.ThrowIfNull(read);
        var from = Math.Max(0, through - Bytes);
        if (through == 0 || from < firstOffset)
        {
            return [];
        }

        Span<byte> bytes = stackalloc byte[Bytes];
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        while (from < through)
        {
            var (count, damagedThrough) = read(from, bytes[..(int)(through - from)]);
            if (count > 0)
            {
                hash.AppendData(bytes[..count]);
                from += count;
            }
            else
            {
                AppendDamage(hash, from, damagedThrough);
                from = damagedThrough > from ? damagedThrough : throw new IOException($"cannot read at offset {from}");
            }
        }

        return hash.GetHashAndReset();
    }

    /// <summary>Adds the offsets of unreadable bytes to a hash.</summary>
    public static void AppendDamage(IncrementalHash hash, long from, long through)
    {
        ArgumentNullException.ThrowIfNull(hash);
        Span<byte> offsets = stackalloc byte[16];
        BinaryPrimitives.WriteInt64BigEndian(offsets, from);
        BinaryPrimitives.WriteInt64BigEndian(offsets[8..], through);
        hash.AppendData(offsets);
    }
}
