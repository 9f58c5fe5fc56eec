using System.Globalization;

namespace RevenueAspire.AppHost.Ports;

/// <summary>The process that listens on a port. Read from /proc, so it is known only on Linux, and only if this user may read that process.</summary>
/// <param name="ProcessId">The process id.</param>
/// <param name="Command">The beginning of its command line, such as <c>dotnet RevenueAspire.Api.dll</c>.</param>
internal sealed record PortOwner(int ProcessId, string Command)
{
    private const string Listening = "0A";

    /// <summary>Whether the process is a service of this project. Another AppHost runs it, or its AppHost was killed and it is still stopping.</summary>
    public bool IsOurs => Command.Contains("RevenueAspire.", StringComparison.Ordinal);

    /// <summary>Finds the owner; null if unknown.</summary>
    public static PortOwner? Find(int port)
    {
        if (!OperatingSystem.IsLinux())
        {
            return null;
        }

        try
        {
            var sockets = ((string[])["/proc/net/tcp", "/proc/net/tcp6"]).Where(File.Exists).SelectMany(table => ListeningSockets(table, port)).ToHashSet();
            return sockets.Count == 0 ? null : Directory.EnumerateDirectories("/proc").Where(d => Owns(d, sockets)).Select(Describe).FirstOrDefault();
        }
        catch (IOException)
        {
            // The process ended during the search. Its name is only additional information.
            return null;
        }
    }

    private static IEnumerable<string> ListeningSockets(string table, int port)
    {
        var suffix = ":" + port.ToString("X4", CultureInfo.InvariantCulture);
        foreach (var line in File.ReadLines(table).Skip(1))
        {
            // sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
            var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length > 9 && fields[3] == Listening && fields[1].EndsWith(suffix, StringComparison.Ordinal))
            {
                yield return $"socket:[{fields[9]}]";
            }
        }
    }

    private static bool Owns(string process, HashSet<string> sockets)
    {
        if (!int.TryParse(Path.GetFileName(process), out _))
        {
            return false;
        }

        try
        {
            return Directory.EnumerateFileSystemEntries(Path.Combine(process, "fd"))
                .Any(fd => new FileInfo(fd).LinkTarget is { } target && sockets.Contains(target));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static PortOwner Describe(string process)
    {
        var arguments = File.ReadAllText(Path.Combine(process, "cmdline")).Split('\0', StringSplitOptions.RemoveEmptyEntries);
        return new PortOwner(int.Parse(Path.GetFileName(process), CultureInfo.InvariantCulture), string.Join(' ', arguments.Take(2).Select(Path.GetFileName)));
    }
}
