using System.IO.Compression;
using System.Security.Cryptography;

namespace RevenueAspire.CommandLine;

/// <summary>A gzip member to append to a stream. If the inflated data ends with this member's content, all data before it was inflated. Immutable.</summary>
/// <remarks>.NET does not report a cut-off stream, and ignores invalid data after a member, including a damaged second member. The content is random, so that
/// no sender can produce it.</remarks>
public sealed class GzipEndMarker
{
    private readonly byte[] _content = RandomNumberGenerator.GetBytes(16);

    /// <summary>Generates random content.</summary>
    public GzipEndMarker()
    {
        using var member = new MemoryStream();
        using (var gzip = new GZipStream(member, CompressionLevel.NoCompression))
        {
            gzip.Write(_content);
        }

        Member = member.ToArray();
    }

    /// <summary>The uncompressed content of the member.</summary>
    public ReadOnlySpan<byte> Content => _content;

    /// <summary>The bytes of the member.</summary>
    public byte[] Member { get; }
}
