using System.Diagnostics;
using System.Globalization;
using RevenueAspire.LocalPostgres.Binaries;

namespace RevenueAspire.LocalPostgres.Processes;

/// <summary>Stops a server in three steps: a fast shutdown (ends sessions, writes a checkpoint), an immediate shutdown (the next start recovers as after a
/// crash), and a kill.</summary>
internal sealed class ServerStop(int processId, string dataDirectory, PostgresInstallation installation, ServerAccount account)
{
    private static readonly TimeSpan KillLimit = TimeSpan.FromSeconds(5);

    /// <summary>Tries each step in turn; false if the process survived all three. Cancelling shortens the wait for the fast shutdown, but never leaves the
    /// server running.</summary>
    public async Task<bool> RunAsync(TimeSpan fastLimit, TimeSpan immediateLimit, CancellationToken cancellationToken)
    {
        await SignalAsync(LibC.SigInt, "fast");
        try
        {
            if (await ProcessState.WaitForEndAsync(processId, fastLimit, cancellationToken))
            {
                return true;
            }
        }
        catch (OperationCanceledException)
        {
            // Skip the checkpoint. That loses nothing: the next start replays the write-ahead log.
        }

        await SignalAsync(LibC.SigQuit, "immediate");
        if (await ProcessState.WaitForEndAsync(processId, immediateLimit, CancellationToken.None))
        {
            return true;
        }

        Kill();
        return await ProcessState.WaitForEndAsync(processId, KillLimit, CancellationToken.None);
    }

    private async Task SignalAsync(int signal, string mode)
    {
        if (OperatingSystem.IsWindows())
        {
            // On Windows, Postgres receives signals through a pipe; pg_ctl implements this.
            var command = new LaunchCommand(
                installation.Program("pg_ctl"), ["kill", signal == LibC.SigInt ? "INT" : "QUIT", processId.ToString(CultureInfo.InvariantCulture)]);
            var result = await Tool.RunAsync(account.Wrap(command), TimeSpan.FromSeconds(10), CancellationToken.None);
            if (result.ExitCode != 0 && ProcessState.IsAlive(processId))
            {
                throw new LocalPostgresException($"The Postgres server on {dataDirectory} did not accept the {mode} shutdown: {result.Text}");
            }

            return;
        }

        // This can fail only because the process has just ended: it runs as this user, or this user is root.
        LibC.Signal(processId, signal);
    }

    private void Kill()
    {
        if (!OperatingSystem.IsWindows())
        {
            LibC.Signal(processId, LibC.SigKill);
            return;
        }

        try
        {
            using var process = Process.GetProcessById(processId);
            process.Kill();
        }
        catch (ArgumentException)
        {
            // The process ended between the check and this call.
        }
    }
}
