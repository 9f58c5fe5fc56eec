using RevenueAspire.LocalPostgres.Binaries;
using RevenueAspire.LocalPostgres.Processes;

namespace RevenueAspire.LocalPostgres.Data;

/// <summary>Turns a data directory into that of a standby. The caller holds the directory's lock, and no server runs on it.</summary>
internal static class StandbyFiles
{
    private const string Signal = "standby.signal";
    private const string Settings = "postgresql.auto.conf";
    private const string ConnInfo = "primary_conninfo";

    /// <summary>Whether the next server on the directory starts as a standby.</summary>
    public static bool Exist(string dataDirectory) => File.Exists(Path.Combine(dataDirectory, Signal));

    /// <summary>The next start as a standby copies the primary, as for a directory that was a primary's.</summary>
    public static void Forget(string dataDirectory) => File.Delete(Path.Combine(dataDirectory, Signal));

    /// <summary>Refuses an installation without pg_basebackup.</summary>
    /// <exception cref="LocalPostgresException">The packages of npm omit it.</exception>
    public static string RequireBaseBackup(PostgresInstallation installation)
    {
        var program = installation.Program("pg_basebackup");
        return File.Exists(program) ? program : throw new LocalPostgresException(
            $"{program} is missing, and a standby is a copy that it makes: install PostgreSQL {installation.MajorVersion} with its client programs.");
    }

    /// <summary>A copy of the primary's data, taken over the network while the primary runs, into an empty directory.</summary>
    /// <exception cref="LocalPostgresException">The installation has no pg_basebackup: the packages of npm omit it.</exception>
    public static LaunchCommand BaseBackup(string directory, LocalPostgresPrimary primary, string password, PostgresInstallation installation)
    {
        var program = RequireBaseBackup(installation);

        // The environment carries the password: any user of the machine can read command lines.
        string[] source = ["-h", "127.0.0.1", "-p", $"{primary.Port}", "-U", LocalPostgresPrimary.ReplicationRole];
        return new LaunchCommand(program, ["-D", directory, .. source, "-X", "stream", "-c", "fast", "-w"])
        {
            Variables = new Dictionary<string, string> { ["PGPASSWORD"] = password },
        };
    }

    /// <summary>Writes the two files that make the next server on the directory a standby of <paramref name="primary"/>.</summary>
    public static void Write(string dataDirectory, LocalPostgresPrimary primary, string password, ServerAccount account)
    {
        // The last line of a setting counts, so the copy's own lines (taken from the primary) go first. The file keeps its owner and mode.
        // In this file, unlike in SQL, a backslash escapes.
        var value = SqlText.Literal(PrimaryConnInfo(primary, password).Replace("\\", "\\\\", StringComparison.Ordinal));
        var settings = Path.Combine(dataDirectory, Settings);
        var others = File.ReadLines(settings).Where(line => !line.StartsWith(ConnInfo, StringComparison.Ordinal)).ToArray();
        File.WriteAllLines(settings, [.. others, $"{ConnInfo} = {value}"]);

        var signal = Path.Combine(dataDirectory, Signal);
        File.WriteAllText(signal, "");
        if (account.IsOther && !OperatingSystem.IsWindows())
        {
            LibC.ChangeOwner(signal, account.UserId, account.GroupId);
        }
    }

    /// <summary>The connection string (libpq's) by which a standby reaches its primary.</summary>
    public static string PrimaryConnInfo(LocalPostgresPrimary primary, string password)
    {
        var quoted = password.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal);
        return $"host=127.0.0.1 port={primary.Port} user={LocalPostgresPrimary.ReplicationRole} password='{quoted}' application_name={primary.ApplicationName}";
    }
}
