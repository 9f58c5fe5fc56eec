using RevenueAspire.LocalPostgres.Binaries;
using RevenueAspire.LocalPostgres.Processes;

namespace RevenueAspire.LocalPostgres.Data;

/// <summary>Turns a data directory into a standby's data directory. The caller must hold the directory's lock, and no server may run on it.</summary>
internal static class StandbyFiles
{
    private const string Signal = "standby.signal";
    private const string Settings = "postgresql.auto.conf";
    private const string ConnInfo = "primary_conninfo";

    /// <summary>Whether the next server on the directory starts as a standby.</summary>
    public static bool Exist(string dataDirectory) => File.Exists(Path.Combine(dataDirectory, Signal));

    /// <summary>Marks the directory, so that its next start as a standby copies the primary again. Used for the directory of a former primary.</summary>
    public static void Forget(string dataDirectory) => File.Delete(Path.Combine(dataDirectory, Signal));

    /// <summary>Rejects an installation without pg_basebackup.</summary>
    /// <exception cref="LocalPostgresException">pg_basebackup is missing, as in the npm packages.</exception>
    public static string RequireBaseBackup(PostgresInstallation installation)
    {
        var program = installation.Program("pg_basebackup");
        return File.Exists(program) ? program : throw new LocalPostgresException(
            $"{program} is missing, but is required to copy the primary: install PostgreSQL {installation.MajorVersion} with its client programs.");
    }

    /// <summary>Returns the command that copies a running primary's data over the network into an empty directory.</summary>
    /// <exception cref="LocalPostgresException">pg_basebackup is missing, as in the npm packages.</exception>
    public static LaunchCommand BaseBackup(string directory, LocalPostgresPrimary primary, string password, PostgresInstallation installation)
    {
        var program = RequireBaseBackup(installation);

        // Pass the password in the environment, because every user of the machine can read command lines.
        string[] source = ["-h", "127.0.0.1", "-p", $"{primary.Port}", "-U", LocalPostgresPrimary.ReplicationRole];
        return new LaunchCommand(program, ["-D", directory, .. source, "-X", "stream", "-c", "fast", "-w"])
        {
            Variables = new Dictionary<string, string> { ["PGPASSWORD"] = password },
        };
    }

    /// <summary>Writes the two files that make the next server on the directory a standby of <paramref name="primary"/>.</summary>
    public static void Write(string dataDirectory, LocalPostgresPrimary primary, string password, ServerAccount account)
    {
        // Remove the lines that were copied from the primary, although only the last line of a setting counts. The file keeps its owner and mode. Unlike in
        // SQL, a backslash in this file is an escape character.
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

    /// <summary>Returns the libpq connection string with which a standby connects to its primary.</summary>
    public static string PrimaryConnInfo(LocalPostgresPrimary primary, string password)
    {
        var quoted = password.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal);
        return $"host=127.0.0.1 port={primary.Port} user={LocalPostgresPrimary.ReplicationRole} password='{quoted}' application_name={primary.ApplicationName}";
    }
}
