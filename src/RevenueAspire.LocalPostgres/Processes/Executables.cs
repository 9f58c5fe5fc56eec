namespace RevenueAspire.LocalPostgres.Processes;

internal static class Executables
{
    /// <summary>Directories of PATH, in order.</summary>
    public static IReadOnlyList<string> PathDirectories { get; } =
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    // The PATH of root without a login shell often lacks the sbin directories, which contain runuser.
    private static readonly string[] SystemDirectories = OperatingSystem.IsWindows() ? [] : ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];

    /// <summary>Returns the full path of a system tool, or null.</summary>
    public static string? Find(string name) => Find(name, [.. PathDirectories, .. SystemDirectories]);

    /// <summary>Returns the full path of the first program of this name in <paramref name="directories"/>, or null. On Windows, also tries .exe and
    /// .cmd.</summary>
    public static string? Find(string name, IEnumerable<string> directories)
    {
        string[] names = OperatingSystem.IsWindows() ? [name + ".exe", name + ".cmd"] : [name];
        return directories.SelectMany(directory => names.Select(n => Path.Combine(directory, n))).FirstOrDefault(File.Exists);
    }
}
