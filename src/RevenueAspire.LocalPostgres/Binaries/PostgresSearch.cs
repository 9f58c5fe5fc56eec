using RevenueAspire.LocalPostgres.Processes;

namespace RevenueAspire.LocalPostgres.Binaries;

/// <summary>The places to search for Postgres' programs.</summary>
/// <param name="Directories">Folders that may contain <c>postgres</c> and <c>initdb</c>, in order of preference.</param>
/// <param name="Npm">Full path of npm, or null if it is not installed.</param>
/// <param name="CacheDirectory">Folder for fetched programs; null for the user's cache.</param>
internal sealed record PostgresSearch(IReadOnlyList<string> Directories, string? Npm, string? CacheDirectory)
{
    /// <summary>Required major version if the data directory does not exist yet: the primary's for a standby; null for any version.</summary>
    public int? MajorVersion { get; init; }

    /// <summary>This machine: PATH, then the usual folders of installers and package managers, newest version first.</summary>
    public static PostgresSearch Machine() => new([.. Executables.PathDirectories, .. WellKnown()], Executables.Find("npm"), null);

    private static IEnumerable<string> WellKnown()
    {
        if (OperatingSystem.IsWindows())
        {
            return Versions(Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ProgramFiles), "PostgreSQL"), "*");
        }

        return OperatingSystem.IsMacOS()
            ? [.. Versions("/opt/homebrew/opt", "postgresql@*"), .. Versions("/usr/local/opt", "postgresql@*"),
                .. Versions("/Applications/Postgres.app/Contents/Versions", "*")]
            : [.. Versions("/usr/lib/postgresql", "*"), .. Versions("/usr", "pgsql-*"), .. Versions("/home/linuxbrew/.linuxbrew/opt", "postgresql@*")];
    }

    /// <summary>Returns the bin folders below <paramref name="parent"/>, sorted by the number in their names, newest first.</summary>
    internal static IEnumerable<string> Versions(string parent, string pattern)
    {
        if (!Directory.Exists(parent))
        {
            return [];
        }

        return Directory.EnumerateDirectories(parent, pattern, new EnumerationOptions())
            .OrderByDescending(directory => Number(Path.GetFileName(directory)))
            .Select(directory => Path.Combine(directory, "bin"));
    }

    private static int Number(string name) =>
        int.TryParse(new string([.. name.SkipWhile(letter => !char.IsAsciiDigit(letter)).TakeWhile(char.IsAsciiDigit)]), out var version) ? version : 0;
}
