using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using RevenueAspire.Testing;

namespace RevenueAspire.Torture.Soak;

/// <summary>The operating system's view of a process at one moment.</summary>
/// <param name="Bytes">Resident memory.</param>
/// <param name="Threads">Threads.</param>
/// <param name="Handles">Open files, sockets and other handles; null if the system does not report them.</param>
internal sealed record ProcessReading(long Bytes, int Threads, int? Handles)
{
    /// <summary>Reads a process; null if it has ended.</summary>
    public static ProcessReading? Of(int processId)
    {
        try
        {
            using var process = Process.GetProcessById(processId);
            var handles = $"/proc/{processId}/fd";
            return new ProcessReading(process.WorkingSet64, process.Threads.Count,
                Directory.Exists(handles) ? Directory.EnumerateFileSystemEntries(handles).Count() : null);
        }
        catch (Exception gone) when (gone is ArgumentException or InvalidOperationException or Win32Exception or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>
    /// Private memory of all child processes together, in bytes, without shared memory. Null if the system does not report it.
    /// </summary>
    public static long? PrivateBytesOfChildren(int processId)
    {
        if (!OperatingSystem.IsLinux())
        {
            return null;
        }

        return ServerTree.Children(processId).Sum(PrivateKilobytes) << 10;
    }

    private static long PrivateKilobytes(int processId)
    {
        const string field = "RssAnon:";
        try
        {
            var line = File.ReadLines($"/proc/{processId}/status").FirstOrDefault(line => line.StartsWith(field, StringComparison.Ordinal));
            return line is null ? 0
                : long.Parse(line[field.Length..].Replace("kB", "", StringComparison.Ordinal), NumberStyles.Integer, CultureInfo.InvariantCulture);
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            // The process ended after the listing.
            return 0;
        }
    }
}
