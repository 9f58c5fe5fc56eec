using System.IO.Compression;
using System.Security.Cryptography;

namespace RevenueAspire.CommandLine;

/// <summary>A gzip member that this program puts behind a stream. Only if its content comes out last was all before it inflated. Immutable.</summary>
/// <remarks>.NET takes the end of the data for the end of the stream, and ignores what follows a member and is none, a damaged second member too. The content
/// is random: no sender can write it.</remarks>
public sealed class GzipEndMarker
{
    private readonly byte[] _content = RandomNumberGenerator.GetBytes(16);

    /// <summary>Chooses the content.</summary>
    public GzipEndMarker()
    {
        using var member = new MemoryStream();
        using (var gzip = new GZipStream(member, CompressionLevel.NoCompression))
        {
            gzip.Write(_content);
        }

        Member = member.ToArray();
    }

    /// <summary>What the member inflates to.</summary>
    public ReadOnlySpan<byte> Content => _content;

    /// <summary>Its bytes.</summary>
    public byte[] Member { get; }
}
