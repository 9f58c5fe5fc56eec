using System.Security.Cryptography;
using RevenueAspire.Client.Input;
using RevenueAspire.Client.Sending;

namespace RevenueAspire.Client.Journal;

/// <summary>Computes the SHA-256 of the file's first n bytes, for increasing n. For one thread at a time.</summary>
/// <remarks>Reads the file again, from the page cache. This is far cheaper than sending it.</remarks>
internal sealed class SentDigest(InputFile file) : IDisposable
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] _buffer = new byte[64 * 1024];
    private long _through;

    /// <summary>Returns the digest of the bytes before an offset, which must not be lower than in the previous call.</summary>
    /// <exception cref="SendException">The file was shortened.</exception>
    public async ValueTask<string> ThroughAsync(long offset, CancellationToken cancellationToken)
    {
        while (_through < offset)
        {
            var read = await file.ReadAsync(_through, _buffer.AsMemory(0, (int)Math.Min(_buffer.Length, offset - _through)), cancellationToken);
            if (read == 0)
            {
                throw new SendException(SendFailure.LocalFile, $"{file.GivenPath} is shorter than the part that was already sent.");
            }

            _hash.AppendData(_buffer, 0, read);
            _through += read;
        }

        return Convert.ToHexStringLower(_hash.GetCurrentHash());
    }

    public void Dispose() => _hash.Dispose();
}
