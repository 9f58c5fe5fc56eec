using RevenueAspire.LocalPostgres.Processes;

namespace RevenueAspire.LocalPostgres.Binaries;

/// <summary>Where Postgres' programs are looked for.</summary>
/// <param name="Directories">Folders that may hold <c>postgres</c> and <c>initdb</c>, the preferred first.</param>
/// <param name="Npm">Full path of npm, or null where there is none.</param>
/// <param name="CacheDirectory">Where fetched binaries are kept; null: the user's cache.</param>
internal sealed record PostgresSearch(IReadOnlyList<string> Directories, string? Npm, string? CacheDirectory)
{
    /// <summary>Major version of a data directory that does not exist yet: a copy has its primary's. Null: any.</summary>
    public int? MajorVersion { get; init; }

    /// <summary>This machine: PATH, then the places where installers and package managers put it, newest version first.</summary>
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

    /// <summary>The bin folders below <paramref name="parent"/>, by the number in their names, newest first.</summary>
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
