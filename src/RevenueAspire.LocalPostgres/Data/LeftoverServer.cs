using RevenueAspire.LocalPostgres.Processes;

namespace RevenueAspire.LocalPostgres.Data;

/// <summary>A server that still runs on a data directory after its owner ended (kill -9, a crash). It is stopped, not reused, because only a new server is
/// certain to have the requested port, password, settings and log. A clean stop takes about a second.</summary>
internal static class LeftoverServer
{
    private static readonly TimeSpan FastLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ImmediateLimit = TimeSpan.FromSeconds(10);

    /// <summary>Stops the server on the directory, and removes a stale <c>postmaster.pid</c>, which would block the next start. The caller must hold the
    /// directory's lock.</summary>
    /// <exception cref="LocalPostgresException">The server was not started by this library, cannot be stopped, or cannot be identified.</exception>
    public static async Task StopAsync(string dataDirectory, DataDirectoryLock owner, Binaries.PostgresInstallation installation, ServerAccount account,
        Action<string>? log, CancellationToken cancellationToken)
    {
        if (PostmasterPid.TryRead(dataDirectory) is not { } pid)
        {
            return;
        }

        // A negative number is from a single-user server that was killed while it set the password.
        var processId = Math.Abs(pid.ProcessId);
        var isServer = ProcessState.IsAlive(processId) ? ProcessState.IsServerOf(processId, dataDirectory, pid.StartTime) : false;
        if (isServer == null)
        {
            throw new LocalPostgresException(
                $"{PostmasterPid.PathIn(dataDirectory)} names process {processId}, which may or may not be the server of {dataDirectory}: stop the process, "
                + "or remove the file if the process is another server.");
        }

        if (isServer == false)
        {
            // No server runs, but another process or a zombie may have this id now. Postgres would treat that process as a running server.
            File.Delete(PostmasterPid.PathIn(dataDirectory));
            return;
        }

        if (owner.IsFirst)
        {
            owner.Forget();
            throw new LocalPostgresException(
                $"A Postgres server (process {processId}) that this program did not start runs on {dataDirectory}: stop it, or choose another data directory.");
        }

        log?.Invoke($"stopping the Postgres server (process {processId}) left over from an earlier run on {dataDirectory}");
        var stop = new ServerStop(processId, dataDirectory, installation, account);
        if (!await stop.RunAsync(FastLimit, ImmediateLimit, cancellationToken))
        {
            throw new LocalPostgresException(
                $"The Postgres server (process {processId}) left over from an earlier run on {dataDirectory} cannot be stopped: stop it by hand.");
        }
    }
}
