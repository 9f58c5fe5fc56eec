using RevenueAspire.LocalPostgres.Binaries;
using RevenueAspire.LocalPostgres.Processes;

namespace RevenueAspire.LocalPostgres.Data;

/// <summary>Creates a data directory (initdb) and sets its superuser's password. No server may run, and the caller must hold the directory's lock.</summary>
internal static class Cluster
{
    /// <summary>Maximum wait until the processes of a killed server have released its shared memory.</summary>
    public static readonly TimeSpan DyingProcessesLimit = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan InitDbLimit = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan CopyLimit = TimeSpan.FromHours(1);
    private static readonly TimeSpan PasswordLimit = TimeSpan.FromMinutes(10);

    /// <summary>Creates the data directory with initdb.</summary>
    public static Task MakeAsync(
        string dataDirectory, PostgresInstallation installation, ServerAccount account, Action<string>? log, CancellationToken cancellationToken)
    {
        log?.Invoke($"creating the data directory {dataDirectory} with {installation.Version} as user {account.Name}");
        return FillAsync(
            dataDirectory, directory => new LaunchCommand(installation.Program("initdb"),
                ["-D", directory, "-U", "postgres", "--auth-local=trust", "--auth-host=scram-sha-256", "-E", "UTF8", "--locale=C", "--no-instructions"]),
            InitDbLimit, account, cancellationToken);
    }

    /// <summary>Creates the data directory of a standby as a copy of its primary's.</summary>
    public static Task CopyAsync(
        string dataDirectory, LocalPostgresPrimary primary, string password, PostgresInstallation installation, ServerAccount account, Action<string>? log,
        CancellationToken cancellationToken)
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

    /// <summary>Lets the program write to a temporary sibling, and renames it when it is complete. So a kill leaves no incomplete directory under the final
    /// name. The previous directory is removed last.</summary>
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
                throw new LocalPostgresException(
                    $"{Path.GetFileNameWithoutExtension(command.FileName)} could not create the data directory {dataDirectory}: "
                    + $"{ServerMessages.Summarize(result.Lines)}");
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

    /// <summary>Rejects a password that cannot be set. In single-user mode each line is a statement, so the password must not contain control
    /// characters.</summary>
    public static void RequireSettable(string password)
    {
        if (password.Length == 0 || password.Any(char.IsControl))
        {
            throw new LocalPostgresException("The password of the local Postgres server must not be empty or contain control characters.");
        }
    }

    /// <summary>Sets the password of user postgres with a single-user server, which has no network. Its start also recovers the data after a crash. It must not
    /// wait for standbys, since none can connect to it.</summary>
    public static async Task SetPasswordAsync(
        string dataDirectory, string password, PostgresInstallation installation, ServerAccount account, CancellationToken cancellationToken)
    {
        await RequireOpenAsync(dataDirectory, account, cancellationToken);
        var command = new LaunchCommand(installation.Program("postgres"),
            ["--single", "-D", dataDirectory, "-c", "standard_conforming_strings=on", "-c", "password_encryption=scram-sha-256", "-c", "log_destination=stderr",
            "-c", "logging_collector=off", "-c", "lc_messages=C", "-c", "synchronous_standby_names=", "-c", "log_statement=none", "-c",
            "log_min_error_statement=panic", "postgres"]);
        var statement = $"ALTER USER postgres PASSWORD {SqlText.Literal(password)}\n";
        for (var end = Environment.TickCount64 + (long)DyingProcessesLimit.TotalMilliseconds; ;)
        {
            var result = await Tool.RunAsync(account.Wrap(command), PasswordLimit, cancellationToken, statement);
            if (result.ExitCode == 0 && !result.Lines.Any(line => line.Contains("ERROR:", StringComparison.Ordinal)))
            {
                return;
            }

            // After a kill -9 of the server, its child processes take a moment to notice and to release the shared memory.
            if (!ServerMessages.IsMemoryInUse(result.Lines) || Environment.TickCount64 >= end)
            {
                throw new LocalPostgresException(
                    $"{installation.Version} could not open the data directory {dataDirectory}: {ServerMessages.Summarize(result.Lines)}");
            }

            await Task.Delay(200, cancellationToken);
        }
    }

    private static async Task RequireOpenAsync(string directory, ServerAccount account, CancellationToken cancellationToken)
    {
        if (await account.FirstClosedDirectoryAsync(directory, cancellationToken) is { } closed)
        {
            throw new LocalPostgresException(
                $"Postgres must run as user {account.Name}, but this user has no access to {closed}: choose another data directory (such as below /var/tmp), "
                + $"or grant access (chmod o+x {closed}).");
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
