using System.IO.Hashing;

namespace RevenueAspire.Processor.Reading;

/// <summary>A checksum per block of a file, taken while the file was hashed: bytes that are read again must be those that the file is known by. Not thread-safe
/// while it is filled.</summary>
/// <remarks>XXH3 with a random seed, at a twentieth of SHA-256's cost. It detects a change of the file while it is counted. The identity of the file stays
/// SHA-256.</remarks>
internal sealed class FileBlocks(long length)
{
    /// <summary>Bytes of a block; the last one is shorter.</summary>
    public const int BlockBytes = 256 << 10;

    private readonly ulong[] _checksums = new ulong[(length + BlockBytes - 1) / BlockBytes];

    /// <summary>Random per process.</summary>
    public static long Seed { get; } = Random.Shared.NextInt64();

    /// <summary>End of the block in which a byte lies.</summary>
    public static long EndAfter(long offset, long length) => Math.Min((offset / BlockBytes + 1) * BlockBytes, length);

    /// <summary>Sets the checksums of whole blocks.</summary>
    /// <param name="offset">Where the first block begins.</param>
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

    /// <summary>Whether a block has the same content as before.</summary>
    /// <param name="offset">Where the block begins.</param>
    /// <param name="bytes">All of it.</param>
    public bool IsUnchanged(long offset, ReadOnlySpan<byte> bytes) => XxHash3.HashToUInt64(bytes, Seed) == _checksums[offset / BlockBytes];
}
