using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace RevenueAspire.Torture.Soak;

/// <summary>What the operating system says of a process at one moment.</summary>
/// <param name="Bytes">Resident memory.</param>
/// <param name="Threads">Threads.</param>
/// <param name="Handles">Open files, sockets and the like; null where the system does not tell.</param>
internal sealed record ProcessReading(long Bytes, int Threads, int? Handles)
{
    /// <summary>Reads; null when there is no such process any more.</summary>
    public static ProcessReading? Of(int processId)
    {
        try
        {
            using var process = Process.GetProcessById(processId);
            var handles = $"/proc/{processId}/fd";
            return new ProcessReading(process.WorkingSet64, process.Threads.Count, Directory.Exists(handles) ? Directory.EnumerateFileSystemEntries(handles).Count() : null);
        }
        catch (Exception gone) when (gone is ArgumentException or InvalidOperationException or Win32Exception or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Memory that the children of a process have to themselves, in bytes: shared memory counted for none of them. Null where the system does not tell.</summary>
    public static long? PrivateBytesOfChildren(int processId)
    {
        if (!OperatingSystem.IsLinux())
        {
            return null;
        }

        long kilobytes = 0;
        foreach (var folder in Directory.EnumerateDirectories("/proc").Where(folder => int.TryParse(Path.GetFileName(folder), out _)))
        {
            try
            {
                var status = File.ReadAllLines(Path.Combine(folder, "status"));
                if (Field(status, "PPid:") == processId)
                {
                    kilobytes += Field(status, "RssAnon:") ?? 0;
                }
            }
            catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
            {
                // It ended between the listing and the reading.
            }
        }

        return kilobytes << 10;
    }

    private static long? Field(string[] status, string name) =>
        status.FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal)) is { } line ? long.Parse(line[name.Length..].Replace("kB", "", StringComparison.Ordinal), NumberStyles.Integer, CultureInfo.InvariantCulture) : null;
}
