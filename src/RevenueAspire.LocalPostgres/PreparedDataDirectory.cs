using RevenueAspire.LocalPostgres.Binaries;
using RevenueAspire.LocalPostgres.Data;
using RevenueAspire.LocalPostgres.Processes;

namespace RevenueAspire.LocalPostgres;

/// <summary>A data directory that is ready for its server, and locked against other owners until disposed.</summary>
public sealed class PreparedDataDirectory : IDisposable
{
    private readonly DataDirectoryLock _owner;
    private readonly IReadOnlyDictionary<string, string> _settings;

    internal PreparedDataDirectory(string path, PostgresInstallation installation, ServerAccount account, IReadOnlyDictionary<string, string> settings, DataDirectoryLock owner) =>
        (Path, Installation, Account, _settings, _owner) = (path, installation, account, settings, owner);

    /// <summary>Full path.</summary>
    public string Path { get; }

    /// <summary>The programs that fit it.</summary>
    public PostgresInstallation Installation { get; }

    internal ServerAccount Account { get; }

    /// <summary>The command line of its server: in a session of its own, as the right user.</summary>
    public LaunchCommand ServerCommand(int port) => DataDirectoryPreparation.ServerCommand(Installation, Account, Path, _settings, port);

    /// <summary>Unlocks it; the server should have ended.</summary>
    public void Dispose() => _owner.Dispose();
}
