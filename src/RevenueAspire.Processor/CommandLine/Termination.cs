using System.Runtime.InteropServices;

namespace RevenueAspire.Processor.CommandLine;

/// <summary>Ctrl+C and SIGTERM ask a command to stop: it finishes the statement that runs, gives its leases back, and ends. The second one ends it at once.</summary>
internal static class Termination
{
    /// <summary>Runs a command with a token that the signals cancel.</summary>
    public static async Task<int> RunAsync(Func<CancellationToken, Task<int>> command)
    {
        using var stop = new CancellationTokenSource();
        void Stop(PosixSignalContext context)
        {
            if (stop.IsCancellationRequested)
            {
                // Compare-and-set protects the ledger; leases end by themselves.
                Environment.Exit(ExitCodes.NotDone);
            }

            context.Cancel = true;
            stop.Cancel();
        }

        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        return await command(stop.Token).ConfigureAwait(false);
    }
}
