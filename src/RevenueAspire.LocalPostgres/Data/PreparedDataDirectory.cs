using System.Globalization;
using RevenueAspire.LocalPostgres.Binaries;
using RevenueAspire.LocalPostgres.Processes;

namespace RevenueAspire.LocalPostgres.Data;

/// <summary>A data directory that is ready for its server, and locked against other owners until disposed.</summary>
internal sealed class PreparedDataDirectory(
    string path, PostgresInstallation installation, ServerAccount account, IReadOnlyDictionary<string, string> settings, DataDirectoryLock owner) : IDisposable
{
    public string Path => path;

    public PostgresInstallation Installation => installation;

    public ServerAccount Account => account;

    /// <summary>Returns the command line of the server, with a separate session and the right user.</summary>
    public LaunchCommand ServerCommand(int port)
    {
        // Listen only on loopback, where a password is required. Use no Unix socket, where any user of the machine could connect without a password.
        string[] own = ["-D", Path, "-p", port.ToString(CultureInfo.InvariantCulture), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
            "-c", "log_destination=stderr", "-c", "logging_collector=off", "-c", "lc_messages=C"];
        var given = settings.SelectMany(setting => new[] { "-c", $"{setting.Key}={setting.Value}" });
        return Session.New(Account.Wrap(new LaunchCommand(Installation.Program("postgres"), [.. own, .. given])));
    }

    /// <summary>Releases the lock; the server must have ended.</summary>
    public void Dispose() => owner.Dispose();
}
