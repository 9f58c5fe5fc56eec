using System.Security.Cryptography;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Reading;

/// <summary>Digests of a file's beginnings (rule M10), all in one pass.</summary>
internal static class FileDigests
{
    private const int WindowBytes = 1 << 20;

    /// <summary>Hashes a file once, and takes the digest at each length on the way.</summary>
    /// <param name="file">The file.</param>
    /// <param name="lengths">Bytes, any order; none above the end of the file.</param>
    /// <param name="cancellationToken">Checked once a megabyte.</param>
    public static IReadOnlyList<FileDigest> Compute(ISourceReader file, IEnumerable<long> lengths, CancellationToken cancellationToken)
    {
        var digests = new List<FileDigest>();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var window = GC.AllocateUninitializedArray<byte>(WindowBytes);
        long at = 0;
        foreach (var length in lengths.Where(length => length > 0).Distinct().Order())
        {
            while (at < length)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var read = file.Read(at, window.AsSpan(0, (int)Math.Min(WindowBytes, length - at)));
                hash.AppendData(window, 0, read.Count);
                at += read.Count;
            }

            digests.Add(new FileDigest(length, hash.GetCurrentHash()));
        }

        return digests;
    }
}
