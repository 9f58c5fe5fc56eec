using System.ComponentModel;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Configuration;

namespace RevenueAspire.CommandLine;

/// <summary>The folder with all data of the services, in <c>events</c>, <c>postgres</c> and <c>client</c>.</summary>
/// <remarks>Every service derives the same folder independently. So a service started by hand finds the data of the AppHost's services.</remarks>
public static class DataDirectory
{
    /// <summary>The file that marks the root of a clone.</summary>
    private const string CloneMarker = "RevenueAspire.sln";

    private const string SharedPrefix = "/var/tmp/revenueaspire-";

    /// <summary>Mode 711: the user that runs Postgres must be able to enter the folder, but no other user needs to list it.</summary>
    private const UnixFileMode PassableByOthers =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    /// <summary>Returns the full path of the data directory. This is <c>Data:Directory</c> if set (relative to the current directory), else <c>.data</c> in the
    /// clone, or in the program's folder without a clone. For root on Linux, the user that runs Postgres may have no access to the clone. Then it is a folder
    /// below /var/tmp, named after a hash of the clone's path. Only this folder is created and checked here: its name is predictable, so another user could
    /// have created it.</summary>
    /// <exception cref="UserErrorException">The folder below /var/tmp does not belong to this user.</exception>
    public static string Resolve(IConfiguration configuration)
    {
        var directory = Resolve(configuration, AppContext.BaseDirectory, CanBeEnteredByPostgres);
        if (OperatingSystem.IsLinux() && directory.StartsWith(SharedPrefix, StringComparison.Ordinal) && configuration["Data:Directory"] is not { Length: > 0 })
        {
            RequireOwn(directory);
        }

        return directory;
    }

    /// <summary>Returns <c>EventLog:Directory</c> if set, else <c>events</c> in the data directory. Full path; not created.</summary>
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

    /// <summary>Returns the folder that replaces <c>.data</c> if the user that runs Postgres has no access to the clone.</summary>
    internal static string SharedFolder(string clone)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(clone));
        return SharedPrefix + Convert.ToHexStringLower(hash.AsSpan(0, 6));
    }

    /// <summary>Whether the server has access to <paramref name="directory"/>. The server never runs as root, so it cannot enter a clone below /root.</summary>
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

    /// <summary>Creates a folder in a directory that every user can write to. If the folder exists, checks that this user owns it.</summary>
    /// <exception cref="UserErrorException">Another user may have created the folder, or can change it.</exception>
    [System.Runtime.Versioning.SupportedOSPlatform("linux")]
    internal static void RequireOwn(string directory)
    {
        try
        {
            if (!Path.Exists(directory))
            {
                // Does nothing if another process has just created the folder. The owner is checked in any case.
                Directory.CreateDirectory(directory, PassableByOthers);
            }

            if (FindProblem(FileStatus.Find(directory, followLink: false)) is { } problem)
            {
                throw new UserErrorException(
                    $"The data directory {directory} cannot be trusted: {problem}. If it contains your data, correct its owner and mode (711); otherwise move "
                    + "it elsewhere, or choose another directory with Data:Directory (Data__Directory in the environment).");
            }

            var mode = File.GetUnixFileMode(directory);
            if ((mode & PassableByOthers) != PassableByOthers)
            {
                // The umask of the first start may have removed these bits.
                File.SetUnixFileMode(directory, mode | PassableByOthers);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException(
                $"The data directory {directory} cannot be created: {exception.Message} Choose another with Data:Directory (environment: Data__Directory).",
                exception);
        }
    }

    /// <summary>Returns why another user may have created the directory or can change it, or null.</summary>
    [System.Runtime.Versioning.SupportedOSPlatform("linux")]
    private static string? FindProblem(FileStatus? status) => status is not { IsDirectory: true } found ? "it is not a directory"
        : !found.IsOwn ? "it belongs to another user"
        : found.IsWritableByOthers ? "users other than its owner can write to it"
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

    /// <summary>Whether the user that runs Postgres has access that other users do not have: as owner, by a group, or by an access list. Only the kernel can
    /// decide this, so the check runs as that user.</summary>
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
            // Without setpriv the access cannot be verified, so assume that there is none.
            return false;
        }
    }
}
