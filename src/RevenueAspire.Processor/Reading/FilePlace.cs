using Microsoft.Win32.SafeHandles;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Reading;

/// <summary>Where an open file can be found again. The path that was given may lead elsewhere tomorrow: a link that moves, <c>/dev/stdin</c>,
/// <c>/proc/self/fd/3</c>.</summary>
internal static class FilePlace
{
    private const string Deleted = " (deleted)";

    /// <summary>The full path without links, or <see cref="SourceRegistry.NoPath"/> for a file that has none.</summary>
    /// <param name="file">The open file: on Linux the kernel knows its path.</param>
    /// <param name="path">The path by which it was opened.</param>
    public static string Find(SafeFileHandle file, string path)
    {
        var full = Path.GetFullPath(path);
        try
        {
            var place = OperatingSystem.IsLinux() ? new FileInfo($"/proc/self/fd/{file.DangerousGetHandle()}").LinkTarget
                : File.ResolveLinkTarget(full, returnFinalTarget: true)?.FullName ?? full;
            if (place is ['/', ..] || (place is not null && !OperatingSystem.IsLinux()))
            {
                return place.EndsWith(Deleted, StringComparison.Ordinal) && !File.Exists(place) ? SourceRegistry.NoPath : place;
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // No /proc: the given path is the best that there is.
        }

        return full.StartsWith("/dev/", StringComparison.Ordinal) || full.StartsWith("/proc/", StringComparison.Ordinal) ? SourceRegistry.NoPath : full;
    }
}
