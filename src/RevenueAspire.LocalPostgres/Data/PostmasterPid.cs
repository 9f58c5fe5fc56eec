using System.Globalization;

namespace RevenueAspire.LocalPostgres.Data;

/// <summary>The state of a running (or crashed) server from <c>postmaster.pid</c> (format: Postgres' miscadmin.h, LOCK_FILE_LINE_*).</summary>
/// <param name="ProcessId">Line 1; negative for a single-user server.</param>
/// <param name="StartTime">Line 3.</param>
/// <param name="IsReady">Whether line 8 reports that the server accepts connections.</param>
internal sealed record PostmasterPid(int ProcessId, DateTimeOffset StartTime, bool IsReady)
{
    public static string PathIn(string dataDirectory) => Path.Combine(dataDirectory, "postmaster.pid");

    /// <summary>Reads the file; null if it is missing, incomplete or invalid.</summary>
    public static PostmasterPid? TryRead(string dataDirectory)
    {
        string[] lines;
        try
        {
            // The server rewrites the file in place, and keeps it open on Windows.
            using var file = new FileStream(PathIn(dataDirectory), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var reader = new StreamReader(file);
            lines = reader.ReadToEnd().Split('\n', StringSplitOptions.TrimEntries);
        }
        catch (IOException)
        {
            return null;
        }

        return lines.Length >= 3 && int.TryParse(lines[0], CultureInfo.InvariantCulture, out var processId) && long.TryParse(
            lines[2], CultureInfo.InvariantCulture, out var seconds)
            ? new PostmasterPid(processId, DateTimeOffset.FromUnixTimeSeconds(seconds), lines.Length >= 8 && lines[7] == "ready")
            : null;
    }
}
