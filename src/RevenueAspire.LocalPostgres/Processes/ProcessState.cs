using System.Diagnostics;

namespace RevenueAspire.LocalPostgres.Processes;

/// <summary>Questions about processes that this one did not start.</summary>
internal static class ProcessState
{
    /// <summary>True when the process runs. A zombie (dead, but its parent never asked: common where process 1 of a container is
    /// an ordinary program) does not.</summary>
    public static bool IsAlive(int processId)
    {
        if (OperatingSystem.IsLinux())
        {
            return State(processId) is not (null or 'Z' or 'X');
        }

        using var process = TryGet(processId);
        return process is { HasExited: false };
    }

    /// <summary>Whether the living process is the server of <paramref name="dataDirectory"/> that began at
    /// <paramref name="startTime"/>; null when that cannot be told.</summary>
    public static bool? IsServerOf(int processId, string dataDirectory, DateTimeOffset startTime)
    {
        if (OperatingSystem.IsLinux() && WorkingDirectory(processId) is { } directory)
        {
            // A postmaster works in its data directory.
            return Path.TrimEndingDirectorySeparator(directory) == Path.TrimEndingDirectorySeparator(RealPath(dataDirectory));
        }

        using var process = TryGet(processId);
        if (process == null || !process.ProcessName.StartsWith("postgres", StringComparison.Ordinal))
        {
            return false;
        }

        return (process.StartTime - startTime.LocalDateTime).Duration() < TimeSpan.FromSeconds(60) ? true : null;
    }

    /// <summary>Waits until the process is gone; false when it still runs at the end.</summary>
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
            // pid (name) state ...; the name may hold anything, also brackets.
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
