using System.Globalization;
using System.Net;
using System.Net.Sockets;
using RevenueAspire.LocalPostgres.Binaries;
using RevenueAspire.LocalPostgres.Data;
using RevenueAspire.LocalPostgres.Processes;

namespace RevenueAspire.LocalPostgres;

/// <summary>All that precedes a server's launch: for those who launch the process themselves (an Aspire ExecutableResource); <see cref="LocalPostgresServer"/> does it by itself.</summary>
public static class DataDirectoryPreparation
{
    /// <summary>Locks the data directory, stops a server that an earlier process left behind on it, makes it (initdb) when missing or empty, and sets the password.</summary>
    /// <param name="installation">From <see cref="PostgresBinaries.FindAsync(string, Action{string}?, CancellationToken)"/> for the same directory.</param>
    /// <param name="options">Directory, password, and the port, which must be free unless it is 0.</param>
    /// <param name="cancellationToken">Gives up; tools that run are killed, and nothing half-made stays under the directory's name.</param>
    /// <returns>The directory, locked until disposed: keep it while the server runs, dispose it before preparing the same directory again.</returns>
    /// <exception cref="LocalPostgresException">In use, of another version, not accessible...: one line that says what and what to do.</exception>
    public static async Task<PreparedDataDirectory> PrepareAsync(PostgresInstallation installation, LocalPostgresOptions options, CancellationToken cancellationToken)
    {
        var directory = Path.TrimEndingDirectorySeparator(Path.GetFullPath(options.DataDirectory));
        var account = await ServerAccount.FindAsync(directory, cancellationToken);
        var owner = DataDirectoryLock.Take(directory);
        try
        {
            await LeftoverServer.StopAsync(directory, owner, installation, account, options.Log, cancellationToken);
            RequireFree(options.Port);
            if (DataDirectoryVersion.Read(directory) == null)
            {
                await Cluster.MakeAsync(directory, installation, account, options.Log, cancellationToken);
            }

            await Cluster.SetPasswordAsync(directory, options.Password, installation, account, cancellationToken);
            return new PreparedDataDirectory(directory, installation, account, options.Settings, owner);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            owner.Dispose();
            throw new LocalPostgresException($"The data directory {directory} cannot be prepared: {exception.Message}", exception);
        }
        catch
        {
            owner.Dispose();
            throw;
        }
    }

    /// <summary>The server's command line; needs no data directory yet, so that it can be asked while an application model is built.</summary>
    public static async Task<LaunchCommand> ServerCommandAsync(PostgresInstallation installation, LocalPostgresOptions options, int port, CancellationToken cancellationToken)
    {
        var directory = Path.TrimEndingDirectorySeparator(Path.GetFullPath(options.DataDirectory));
        return ServerCommand(installation, await ServerAccount.FindAsync(directory, cancellationToken), directory, options.Settings, port);
    }

    internal static LaunchCommand ServerCommand(PostgresInstallation installation, ServerAccount account, string directory, IReadOnlyDictionary<string, string> settings, int port)
    {
        // No Unix socket: its local connections are trusted, so any user of the machine could use it. Only this machine's loopback, with the password.
        string[] own = ["-D", directory, "-p", port.ToString(CultureInfo.InvariantCulture), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
            "-c", "log_destination=stderr", "-c", "logging_collector=off", "-c", "lc_messages=C"];
        var given = settings.SelectMany(setting => new[] { "-c", $"{setting.Key}={setting.Value}" });
        return Session.Own(account.Wrap(new LaunchCommand(installation.Program("postgres"), [.. own, .. given])));
    }

    internal static string PortTaken(int port) => $"Port {port} on 127.0.0.1 is in use by another program: stop it, or name another port for Postgres.";

    private static void RequireFree(int port)
    {
        if (port == 0)
        {
            return;
        }

        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
        }
        catch (SocketException exception)
        {
            throw new LocalPostgresException(PortTaken(port), exception);
        }
    }
}
