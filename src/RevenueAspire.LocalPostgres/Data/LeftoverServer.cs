using RevenueAspire.LocalPostgres.Processes;

namespace RevenueAspire.LocalPostgres.Data;

/// <summary>A server that still runs on a data directory although its owner is gone (kill -9, a crash). It is stopped, not taken over: only a server of one's
/// own has the port, password, settings and log that were asked for, and a clean stop takes a second.</summary>
internal static class LeftoverServer
{
    private static readonly TimeSpan FastLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ImmediateLimit = TimeSpan.FromSeconds(10);

    /// <summary>Stops what runs on the directory, and removes a stale <c>postmaster.pid</c> that would block the next start. The
    /// caller holds the directory's lock.</summary>
    /// <exception cref="LocalPostgresException">The server there was not started from here, or does not end, or cannot be told from a stranger.</exception>
    public static async Task StopAsync(string dataDirectory, DataDirectoryLock owner, Binaries.PostgresInstallation installation, ServerAccount account,
        Action<string>? log, CancellationToken cancellationToken)
    {
        if (PostmasterPid.TryRead(dataDirectory) is not { } pid)
        {
            return;
        }

        // A single-user server (the password step, killed half-way) writes its number negative.
        var processId = Math.Abs(pid.ProcessId);
        var isServer = ProcessState.IsAlive(processId) ? ProcessState.IsServerOf(processId, dataDirectory, pid.StartTime) : false;
        if (isServer == null)
        {
            throw new LocalPostgresException(
                $"{PostmasterPid.PathIn(dataDirectory)} names process {processId}, which may or may not be the server of {dataDirectory}: stop that process, "
                + "or remove the file if it is another server's.");
        }

        if (isServer == false)
        {
            // Nothing runs here, but the number may have been given to another process (or to a zombie), which Postgres would take for a rival.
            File.Delete(PostmasterPid.PathIn(dataDirectory));
            return;
        }

        if (owner.IsFirst)
        {
            owner.Forget();
            throw new LocalPostgresException(
                $"A Postgres server (process {processId}) that was not started from here runs on {dataDirectory}: stop it, or name another data directory.");
        }

        log?.Invoke($"stopping the Postgres server (process {processId}) that an earlier run left behind on {dataDirectory}");
        var stop = new ServerStop(processId, dataDirectory, installation, account);
        if (!await stop.RunAsync(FastLimit, ImmediateLimit, cancellationToken))
        {
            throw new LocalPostgresException(
                $"The Postgres server (process {processId}) that an earlier run left behind on {dataDirectory} does not end: stop it by hand.");
        }
    }
}
