using RevenueAspire.LocalPostgres.Processes;

namespace RevenueAspire.LocalPostgres.Binaries;

/// <summary>The user's folder for things that can be fetched again.</summary>
internal static class UserCache
{
    /// <summary>The cache of the current user; where the server's user could not enter it (root's home is closed), the machine's.</summary>
    public static async Task<string> DirectoryAsync(ServerAccount account, CancellationToken cancellationToken)
    {
        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        var own = Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache && Path.IsPathFullyQualified(cache) ? cache
            : OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
            : OperatingSystem.IsMacOS() ? Path.Combine(home, "Library", "Caches")
            : Path.Combine(home, ".cache");

        // Not a folder below /tmp: a program that another user could have put there must not run as the server.
        var directory = await account.FirstClosedDirectoryAsync(own, cancellationToken) == null ? own : "/var/cache";
        return Path.Combine(directory, "revenueaspire");
    }
}
