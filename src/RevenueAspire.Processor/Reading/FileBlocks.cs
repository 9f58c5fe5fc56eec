using System.IO.Hashing;

namespace RevenueAspire.Processor.Reading;

/// <summary>A checksum per block of a file, computed while the file was hashed. Bytes that are read again must match. Not thread-safe while it is
/// filled.</summary>
/// <remarks>XXH3 with a random seed costs a twentieth of SHA-256. It detects changes to the file between hashing and counting. The file's identity is still its
/// SHA-256.</remarks>
internal sealed class FileBlocks(long length)
{
    /// <summary>Block size in bytes; the last block may be shorter.</summary>
    public const int BlockBytes = 256 << 10;

    private readonly ulong[] _checksums = new ulong[(length + BlockBytes - 1) / BlockBytes];

    /// <summary>Seed of the checksums, random per process.</summary>
    public static long Seed { get; } = Random.Shared.NextInt64();

    /// <summary>End of the block that contains a byte.</summary>
    public static long EndAfter(long offset, long length) => Math.Min((offset / BlockBytes + 1) * BlockBytes, length);

    /// <summary>Sets the checksums of whole blocks.</summary>
    /// <param name="offset">Start of the first block.</param>
    /// <param name="bytes">The blocks.</param>
    public void Set(long offset, ReadOnlySpan<byte> bytes)
    {
        for (var index = offset / BlockBytes; bytes.Length > 0; index++)
        {
            var block = bytes[..Math.Min(bytes.Length, BlockBytes)];
            _checksums[index] = XxHash3.HashToUInt64(block, Seed);
            bytes = bytes[block.Length..];
        }
    }

    /// <summary>Whether a block still has the content that was hashed.</summary>
    /// <param name="offset">Start of the block.</param>
    /// <param name="bytes">The whole block.</param>
    public bool IsUnchanged(long offset, ReadOnlySpan<byte> bytes) => XxHash3.HashToUInt64(bytes, Seed) == _checksums[offset / BlockBytes];
}
