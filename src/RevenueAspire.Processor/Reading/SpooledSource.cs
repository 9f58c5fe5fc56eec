using RevenueAspire.CommandLine;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Reading;

/// <summary>Copies the content of standard input and of compressed files (gzip, zstd) to an unnamed file, which is hashed and counted. So the same events count
/// once, compressed or not.</summary>
internal static class SpooledSource
{
    /// <summary>Whether a path on the command line means standard input.</summary>
    public static bool IsStandardInput(string path) => path == SpoolFile.StandardInput;

    /// <summary>Reads standard input to its end.</summary>
    /// <exception cref="UserErrorException">The gzip or zstd data is truncated or damaged, or the disk is full.</exception>
    public static async Task<FileSourceReader> ReadStandardInputAsync(int maxLineBytes, CancellationToken cancellationToken)
    {
        await using var input = GuardedConsole.OpenStandardInput();
        var spool = await SpoolFile.CopyAsync(input, "standard input", Composition.SpoolDirectory(), cancellationToken).ConfigureAwait(false);
        return FileSourceReader.FromSpool(SourceRegistry.NoPath, SourceRegistry.NoPath, spool, maxLineBytes);
    }

    /// <summary>Decompresses a file.</summary>
    /// <exception cref="UserErrorException">The data is truncated or damaged, or the disk is full.</exception>
    public static async Task<FileSourceReader> InflateAsync(string path, int maxLineBytes, CancellationToken cancellationToken)
    {
        var packed = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        await using (packed.ConfigureAwait(false))
        {
            var spool = await SpoolFile.CopyAsync(packed, path, Composition.SpoolDirectory(), cancellationToken).ConfigureAwait(false);
            return FileSourceReader.FromSpool(Path.GetFullPath(path), FilePlace.Find(packed.SafeFileHandle, path), spool, maxLineBytes);
        }
    }
}
