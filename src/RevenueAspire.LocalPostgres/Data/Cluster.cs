using RevenueAspire.LocalPostgres.Binaries;
using RevenueAspire.LocalPostgres.Processes;

namespace RevenueAspire.LocalPostgres.Data;

/// <summary>Makes a data directory (initdb), and sets its superuser's password, with no server running. The caller holds the directory's lock.</summary>
internal static class Cluster
{
    /// <summary>How long processes of a killed server may hold its shared memory.</summary>
    public static readonly TimeSpan DyingProcessesLimit = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan InitDbLimit = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan CopyLimit = TimeSpan.FromHours(1);
    private static readonly TimeSpan PasswordLimit = TimeSpan.FromMinutes(10);

    /// <summary>Makes the data directory with initdb.</summary>
    public static Task MakeAsync(string dataDirectory, PostgresInstallation installation, ServerAccount account, Action<string>? log, CancellationToken cancellationToken)
    {
        log?.Invoke($"making the data directory {dataDirectory} with {installation.Version} as user {account.Name}");
        return FillAsync(
            dataDirectory, directory => new LaunchCommand(installation.Program("initdb"), ["-D", directory, "-U", "postgres", "--auth-local=trust", "--auth-host=scram-sha-256", "-E", "UTF8", "--locale=C", "--no-instructions"]),
            InitDbLimit, account, cancellationToken);
    }

    /// <summary>Makes the data directory of a standby: a copy of its primary's.</summary>
    public static Task CopyAsync(
        string dataDirectory, LocalPostgresPrimary primary, string password, PostgresInstallation installation, ServerAccount account, Action<string>? log, CancellationToken cancellationToken)
    {
        log?.Invoke($"copying the server on port {primary.Port} to {dataDirectory} as user {account.Name}");
        return FillAsync(
            dataDirectory,
            directory => StandbyFiles.BaseBackup(directory, primary, password, installation),
            CopyLimit,
            account,
            cancellationToken,
            directory => StandbyFiles.Write(directory, primary, password, account));
    }

    /// <summary>The directory appears under its name only when it is whole: the program works in a sibling, which is then renamed, so that a kill in the
    /// middle leaves nothing that a later start trips over. What was there before is removed after that.</summary>
    private static async Task FillAsync(
        string dataDirectory,
        Func<string, LaunchCommand> program,
        TimeSpan limit,
        ServerAccount account,
        CancellationToken cancellationToken,
        Action<string>? complete = null)
    {
        var parent = Path.GetDirectoryName(dataDirectory)!;
        await RequireOpenAsync(parent, account, cancellationToken);
        var name = Path.GetFileName(dataDirectory) + ".initdb-";
        foreach (var abandoned in Directory.EnumerateDirectories(parent, name + "*"))
        {
            Directory.Delete(abandoned, recursive: true);
        }

        var temporary = Path.Combine(parent, name + Guid.NewGuid().ToString("N"));
        var replaced = Path.Combine(parent, name + Guid.NewGuid().ToString("N"));
        try
        {
            CreatePrivate(temporary, account);
            var command = program(temporary);
            var result = await Tool.RunAsync(account.Wrap(command), limit, cancellationToken);
            if (result.ExitCode != 0)
            {
                throw new LocalPostgresException($"{Path.GetFileNameWithoutExtension(command.FileName)} could not make the data directory {dataDirectory}: {ServerMessages.Summarize(result.Lines)}");
            }

            complete?.Invoke(temporary);
            if (Directory.Exists(dataDirectory))
            {
                Directory.Move(dataDirectory, replaced);
            }

            Directory.Move(temporary, dataDirectory);
            if (Directory.Exists(replaced))
            {
                Directory.Delete(replaced, recursive: true);
            }
        }
        finally
        {
            if (Directory.Exists(temporary))
            {
                Directory.Delete(temporary, recursive: true);
            }
        }
    }

    /// <summary>Refuses a password that could not be set: in single-user mode a line is a statement, so no control character may come in.</summary>
    public static void RequireSettable(string password)
    {
        if (password.Length == 0 || password.Any(char.IsControl))
        {
            throw new LocalPostgresException("The password of the local Postgres server must not be empty, nor hold control characters.");
        }
    }

    /// <summary>Sets the password of user postgres through a server without network; also recovers after a crash. Waits for no standby: none can connect to such a server.</summary>
    public static async Task SetPasswordAsync(string dataDirectory, string password, PostgresInstallation installation, ServerAccount account, CancellationToken cancellationToken)
    {
        await RequireOpenAsync(dataDirectory, account, cancellationToken);
        var command = new LaunchCommand(installation.Program("postgres"), ["--single", "-D", dataDirectory, "-c", "standard_conforming_strings=on", "-c", "password_encryption=scram-sha-256", "-c", "log_destination=stderr",
            "-c", "logging_collector=off", "-c", "lc_messages=C", "-c", "synchronous_standby_names=", "-c", "log_statement=none", "-c", "log_min_error_statement=panic", "postgres"]);
        var statement = $"ALTER USER postgres PASSWORD {SqlText.Literal(password)}\n";
        for (var end = Environment.TickCount64 + (long)DyingProcessesLimit.TotalMilliseconds; ;)
        {
            var result = await Tool.RunAsync(account.Wrap(command), PasswordLimit, cancellationToken, statement);
            if (result.ExitCode == 0 && !result.Lines.Any(line => line.Contains("ERROR:", StringComparison.Ordinal)))
            {
                return;
            }

            // After a kill -9 of the server its own processes take a moment to see it, and to let go of the shared memory.
            if (!ServerMessages.IsMemoryInUse(result.Lines) || Environment.TickCount64 >= end)
            {
                throw new LocalPostgresException($"{installation.Version} could not open the data directory {dataDirectory}: {ServerMessages.Summarize(result.Lines)}");
            }

            await Task.Delay(200, cancellationToken);
        }
    }

    private static async Task RequireOpenAsync(string directory, ServerAccount account, CancellationToken cancellationToken)
    {
        if (await account.FirstClosedDirectoryAsync(directory, cancellationToken) is { } closed)
        {
            throw new LocalPostgresException($"User {account.Name}, as whom Postgres must run here, may not enter {closed}: name a data directory elsewhere (for example below /var/tmp), or open it (chmod o+x {closed}).");
        }
    }

    private static void CreatePrivate(string directory, ServerAccount account)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(directory);
            return;
        }

        Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        if (account.IsOther)
        {
            LibC.ChangeOwner(directory, account.UserId, account.GroupId);
        }
    }
}
