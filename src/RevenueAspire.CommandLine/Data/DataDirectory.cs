using System.ComponentModel;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Configuration;

namespace RevenueAspire.CommandLine;

/// <summary>The folder of everything that the services keep: <c>events</c>, <c>postgres</c> and <c>client</c> below it.</summary>
/// <remarks>Every service comes to the same answer by itself, so that one started by hand finds what the AppHost's services wrote.</remarks>
public static class DataDirectory
{
    /// <summary>The file that marks the root of a clone.</summary>
    private const string CloneMarker = "RevenueAspire.sln";

    private const string SharedPrefix = "/var/tmp/revenueaspire-";

    /// <summary>Postgres' own user must be able to pass; nobody needs to look around.</summary>
    private const UnixFileMode PassableByOthers =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    /// <summary><c>Data:Directory</c> when set (a relative one counts from the current directory); else <c>.data</c> in the clone; else, where Postgres' own
    /// user could not enter that (Linux, as root), a folder below /var/tmp named after a hash of the clone's path; without a clone, <c>.data</c> in the
    /// program's folder. Full path. Only the folder below /var/tmp is created: its name can be predicted, so it is created, or checked to be this
    /// user's, before its first use.</summary>
    /// <exception cref="UserErrorException">The folder below /var/tmp is not ours.</exception>
    public static string Resolve(IConfiguration configuration)
    {
        var directory = Resolve(configuration, AppContext.BaseDirectory, CanBeEnteredByPostgres);
        if (OperatingSystem.IsLinux() && directory.StartsWith(SharedPrefix, StringComparison.Ordinal) && configuration["Data:Directory"] is not { Length: > 0 })
        {
            RequireOwn(directory);
        }

        return directory;
    }

    /// <summary><c>EventLog:Directory</c> when set, else <c>events</c> in the data directory. Full path; not created.</summary>
    public static string ResolveEventLog(IConfiguration configuration) =>
        configuration["EventLog:Directory"] is { Length: > 0 } given ? Path.GetFullPath(given) : Path.Combine(Resolve(configuration), "events");

    internal static string Resolve(IConfiguration configuration, string programDirectory, Func<string, bool> canBeEnteredByPostgres)
    {
        if (configuration["Data:Directory"] is { Length: > 0 } given)
        {
            return Path.GetFullPath(given);
        }

        var clone = FindClone(programDirectory);
        if (clone is null)
        {
            return Path.Combine(Path.GetFullPath(programDirectory), ".data");
        }

        var data = Path.Combine(clone, ".data");
        return canBeEnteredByPostgres(data) ? data : SharedFolder(clone);
    }

    /// <summary>The folder that stands in for <c>.data</c> of a clone which Postgres' user cannot enter.</summary>
    internal static string SharedFolder(string clone)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(clone));
        return SharedPrefix + Convert.ToHexStringLower(hash.AsSpan(0, 6));
    }

    /// <summary>Whether the server could reach <paramref name="directory"/>: it never runs as root, so a clone below /root is closed to it.</summary>
    internal static bool CanBeEnteredByPostgres(string directory)
    {
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess)
        {
            return true;
        }

        var existing = directory;
        while (!Directory.Exists(existing))
        {
            existing = Path.GetDirectoryName(existing)!;
        }

        return EveryoneMayEnter(existing) || PostgresUserMayEnter(existing);
    }

    /// <summary>Makes a folder in a place where everybody may, or finds it made by this user.</summary>
    /// <exception cref="UserErrorException">Another user may have made it, or can change it.</exception>
    [System.Runtime.Versioning.SupportedOSPlatform("linux")]
    internal static void RequireOwn(string directory)
    {
        try
        {
            if (!Path.Exists(directory))
            {
                // Does nothing when somebody else was quicker: who made it is looked at in any case.
                Directory.CreateDirectory(directory, PassableByOthers);
            }

            if (FindProblem(FileStatus.Find(directory, followLink: false)) is { } problem)
            {
                throw new UserErrorException(
                    $"The data directory {directory} cannot be trusted: {problem}. If it holds your data, correct its owner and mode (711); else move it "
                    + "elsewhere, or choose another with Data:Directory (Data__Directory in the environment).");
            }

            var mode = File.GetUnixFileMode(directory);
            if ((mode & PassableByOthers) != PassableByOthers)
            {
                // The umask of whoever started it first.
                File.SetUnixFileMode(directory, mode | PassableByOthers);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException(
                $"The data directory {directory} cannot be made: {exception.Message} Choose another with Data:Directory (Data__Directory in the environment).",
                exception);
        }
    }

    /// <summary>Why another user may have made a directory, or can change it; else null.</summary>
    [System.Runtime.Versioning.SupportedOSPlatform("linux")]
    private static string? FindProblem(FileStatus? status) => status is not { IsDirectory: true } found ? "it is not a directory"
        : !found.IsOwn ? "it belongs to another user"
        : found.IsWritableByOthers ? "others than its owner can write to it"
        : null;

    private static string? FindClone(string directory)
    {
        for (var candidate = new DirectoryInfo(directory); candidate is not null; candidate = candidate.Parent)
        {
            if (File.Exists(Path.Combine(candidate.FullName, CloneMarker)))
            {
                return candidate.FullName;
            }
        }

        return null;
    }

    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    private static bool EveryoneMayEnter(string directory)
    {
        for (var folder = new DirectoryInfo(directory); folder is not null; folder = folder.Parent)
        {
            if ((folder.UnixFileMode & UnixFileMode.OtherExecute) == 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>A folder closed to others may still be open to Postgres' user: as its owner, by its group, by an access list. Only the kernel knows; it is
    /// asked as that user.</summary>
    private static bool PostgresUserMayEnter(string directory)
    {
        var user = File.Exists("/etc/passwd") && File.ReadLines("/etc/passwd").Any(line => line.StartsWith("postgres:", StringComparison.Ordinal))
            ? "postgres"
            : "nobody";
        try
        {
            using var probe = Process.Start(new ProcessStartInfo("setpriv", ["--reuid", user, "--init-groups", "test", "-x", directory])
            {
                RedirectStandardError = true,
            })!;
            probe.WaitForExit();
            return probe.ExitCode == 0;
        }
        catch (Win32Exception)
        {
            // No setpriv: what cannot be shown to work is not relied on.
            return false;
        }
    }
}
