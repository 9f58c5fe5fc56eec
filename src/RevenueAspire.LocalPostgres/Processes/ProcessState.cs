using System.Diagnostics;

namespace RevenueAspire.LocalPostgres.Processes;

/// <summary>Queries about processes that this process did not start.</summary>
internal static class ProcessState
{
    /// <summary>Whether the process runs. False for a zombie: a dead process that its parent has not waited for. Zombies are common in containers where process
    /// 1 is an ordinary program.</summary>
    public static bool IsAlive(int processId)
    {
        if (OperatingSystem.IsLinux())
        {
            return State(processId) is not (null or 'Z' or 'X');
        }

        using var process = TryGet(processId);
        return process is { HasExited: false };
    }

    /// <summary>Whether the process is the server that started on <paramref name="dataDirectory"/> at <paramref name="startTime"/>; null if unknown.</summary>
    public static bool? IsServerOf(int processId, string dataDirectory, DateTimeOffset startTime)
    {
        if (OperatingSystem.IsLinux() && WorkingDirectory(processId) is { } directory)
        {
            // A postmaster's working directory is its data directory.
            return Path.TrimEndingDirectorySeparator(directory) == Path.TrimEndingDirectorySeparator(RealPath(dataDirectory));
        }

        using var process = TryGet(processId);
        if (process == null || !process.ProcessName.StartsWith("postgres", StringComparison.Ordinal))
        {
            return false;
        }

        return (process.StartTime - startTime.LocalDateTime).Duration() < TimeSpan.FromSeconds(60) ? true : null;
    }

    /// <summary>Waits until the process has ended; false if it still runs after the limit.</summary>
    public static async Task<bool> WaitForEndAsync(int processId, TimeSpan limit, CancellationToken cancellationToken)
    {
        for (var end = Environment.TickCount64 + (long)limit.TotalMilliseconds; IsAlive(processId);)
        {
            if (Environment.TickCount64 >= end)
            {
                return false;
            }

            await Task.Delay(25, cancellationToken);
        }

        return true;
    }

    private static char? State(int processId)
    {
        try
        {
            // Format: pid (name) state ...; the name may contain any character, including parentheses.
            var text = File.ReadAllText($"/proc/{processId}/stat");
            var end = text.LastIndexOf(')');
            return end >= 0 && end + 2 < text.Length ? text[end + 2] : null;
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static string? WorkingDirectory(int processId)
    {
        try
        {
            return new FileInfo($"/proc/{processId}/cwd").LinkTarget;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string RealPath(string directory)
    {
        var real = Path.GetPathRoot(directory)!;
        foreach (var name in directory[real.Length..].Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries))
        {
            var next = Path.Combine(real, name);
            real = new DirectoryInfo(next).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? next;
        }

        return real;
    }

    private static Process? TryGet(int processId)
    {
        try
        {
            return Process.GetProcessById(processId);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }
}
