using RevenueAspire.LocalPostgres.Processes;

namespace RevenueAspire.LocalPostgres.Binaries;

/// <summary>The folder for data that can be fetched again.</summary>
internal static class UserCache
{
    /// <summary>Returns the current user's cache. If the server's user has no access to it (for example in root's home), returns the machine's cache.</summary>
    public static async Task<string> DirectoryAsync(ServerAccount account, CancellationToken cancellationToken)
    {
        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        var own = Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache && Path.IsPathFullyQualified(cache) ? cache
            : OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
            : OperatingSystem.IsMacOS() ? Path.Combine(home, "Library", "Caches")
            : Path.Combine(home, ".cache");

        // Never below /tmp, because the server must not run a program that another user could have put there.
        var directory = await account.FirstClosedDirectoryAsync(own, cancellationToken) == null ? own : "/var/cache";
        return Path.Combine(directory, "revenueaspire");
    }
}
