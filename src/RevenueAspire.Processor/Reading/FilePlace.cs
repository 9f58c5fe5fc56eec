using Microsoft.Win32.SafeHandles;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Reading;

/// <summary>Finds the path where an open file can be found again. The given path may later refer to another file: a changed link, <c>/dev/stdin</c>,
/// <c>/proc/self/fd/3</c>.</summary>
internal static class FilePlace
{
    private const string Deleted = " (deleted)";

    /// <summary>Returns the full path without links, or <see cref="SourceRegistry.NoPath"/> if the file has no path.</summary>
    /// <param name="file">The open file; on Linux, the kernel knows its path.</param>
    /// <param name="path">The path used to open the file.</param>
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
            // Without /proc, the given path is the best one available.
        }

        return full.StartsWith("/dev/", StringComparison.Ordinal) || full.StartsWith("/proc/", StringComparison.Ordinal) ? SourceRegistry.NoPath : full;
    }
}
