using System.Net;
using System.Net.Sockets;
using RevenueAspire.LocalPostgres.Binaries;
using RevenueAspire.LocalPostgres.Processes;

namespace RevenueAspire.LocalPostgres.Data;

/// <summary>Prepares a data directory before its server is launched.</summary>
internal static class DataDirectoryPreparation
{
    /// <summary>Locks the data directory and stops a left-over server on it. Creates a missing or empty directory (initdb, or a copy of the primary). Sets the
    /// password of a primary; a standby gets it from its primary.</summary>
    /// <param name="installation">From <see cref="PostgresBinaries.FindAsync"/> for the same directory.</param>
    /// <param name="options">Directory, password, and port. The port must be free unless it is 0.</param>
    /// <param name="state">The primary of a standby; null if there is none or it does not answer.</param>
    /// <param name="cancellationToken">Cancels; running tools are killed, and no incomplete directory remains under the directory's name.</param>
    /// <returns>The directory, locked until disposed. Keep it while the server runs, and dispose it before preparing the same directory again.</returns>
    /// <exception cref="LocalPostgresException">In use, of another version, not accessible, and so on. The message is one line with the remedy.</exception>
    public static async Task<PreparedDataDirectory> PrepareAsync(
        PostgresInstallation installation, LocalPostgresOptions options, PrimaryState? state, CancellationToken cancellationToken)
    {
        Cluster.RequireSettable(options.Password);
        var directory = FullPath(options);
        var account = await ServerAccount.FindAsync(directory, cancellationToken);
        var owner = DataDirectoryLock.Take(directory);
        try
        {
            await LeftoverServer.StopAsync(directory, owner, installation, account, options.Log, cancellationToken);
            RequireFree(options.Port);
            await FillAsync(directory, installation, account, options, state, cancellationToken);
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

    /// <summary>Locks the data directory, stops a left-over server on it, and releases the lock.</summary>
    /// <exception cref="LocalPostgresException">Another process holds the lock, or the server cannot be stopped.</exception>
    public static async Task StopLeftoverAsync(PostgresInstallation installation, LocalPostgresOptions options, CancellationToken cancellationToken)
    {
        var directory = FullPath(options);
        var account = await ServerAccount.FindAsync(directory, cancellationToken);
        using var owner = DataDirectoryLock.Take(directory);
        await LeftoverServer.StopAsync(directory, owner, installation, account, options.Log, cancellationToken);
    }

    private static string FullPath(LocalPostgresOptions options) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(options.DataDirectory));

    private static async Task FillAsync(
        string directory,
        PostgresInstallation installation,
        ServerAccount account,
        LocalPostgresOptions options,
        PrimaryState? state,
        CancellationToken cancellationToken)
    {
        var isNew = DataDirectoryVersion.Read(directory) == null;
        if (options.StandbyOf is { } primary)
        {
            if (!isNew && state is not null)
            {
                state.RequireSameCluster(directory);
            }

            if (isNew || !StandbyFiles.Exist(directory))
            {
                // A former primary may have commits that the new primary lacks, so it cannot follow it. Replace its data.
                await Cluster.CopyAsync(directory, primary, options.Password, installation, account, options.Log, cancellationToken);
                return;
            }

            // A standby is read-only, and gets its password from the primary.
            StandbyFiles.Write(directory, primary, options.Password, account);
            return;
        }

        if (StandbyFiles.Exist(directory))
        {
            throw new LocalPostgresException($"{directory} is the data directory of a standby: start it as a standby, or promote it while it runs.");
        }

        if (isNew)
        {
            await Cluster.MakeAsync(directory, installation, account, options.Log, cancellationToken);
        }

        await Cluster.SetPasswordAsync(directory, options.Password, installation, account, cancellationToken);
    }

    public static string PortTaken(int port) => $"Port {port} on 127.0.0.1 is in use by another program: stop it, or choose another port for Postgres.";

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
