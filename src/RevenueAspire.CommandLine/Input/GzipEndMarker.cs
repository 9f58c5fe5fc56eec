using System.IO.Compression;
using System.Security.Cryptography;

namespace RevenueAspire.CommandLine;

/// <summary>A gzip member that is appended to a stream. If the inflated data ends with its content, all earlier data was inflated. Immutable.</summary>
/// <remarks>.NET treats the end of the data as the end of the stream, and ignores invalid data after a member, including a damaged second member. The content
/// is random, so no sender can produce it.</remarks>
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
