using System.Security.Cryptography;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Reading;

/// <summary>Computes the digests of several prefixes of a file (rule M10) in one pass.</summary>
internal static class FileDigests
{
    private const int WindowBytes = 1 << 20;

    /// <summary>Hashes a file once, and stores the digest at each length.</summary>
    /// <param name="file">The file.</param>
    /// <param name="lengths">Prefix lengths in bytes, in any order, at most the length of the file.</param>
    /// <param name="cancellationToken">Checked after each megabyte.</param>
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
