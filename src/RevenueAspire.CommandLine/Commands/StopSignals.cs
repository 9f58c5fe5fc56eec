using System.Runtime.InteropServices;

namespace RevenueAspire.CommandLine;

/// <summary>Stops a command on Ctrl+C, SIGTERM or SIGHUP: it finishes work in progress, saves its progress, and prints its summary. A second Ctrl+C or SIGTERM
/// ends the process at once, with exit code 1. Thread-safe.</summary>
/// <remarks>
/// When a terminal closes, SIGHUP arrives more than once: the kernel signals the foreground group, and the shell signals its jobs. So a second SIGHUP is
/// ignored. A process started with <c>nohup</c> ignores SIGHUP, because the runtime installs no handler for a signal that was ignored at the start.
/// </remarks>
public sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly PosixSignalRegistration[] _registrations;
    private int _requests;

    /// <summary>Installs the signal handlers.</summary>
    public StopSignals() => _registrations =
    [
        PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop),
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop),
        PosixSignalRegistration.Create(PosixSignal.SIGHUP, Stop),
    ];

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => _stop.Token;

    /// <summary>Runs a command with a token that the signals cancel.</summary>
    public static async Task<int> RunAsync(Func<CancellationToken, Task<int>> command)
    {
        ArgumentNullException.ThrowIfNull(command);
        using var signals = new StopSignals();
        return await command(signals.Token).ConfigureAwait(false);
    }

    public void Dispose()
    {
        foreach (var registration in _registrations)
        {
            registration.Dispose();
        }

        _stop.Dispose();
    }

    private void Stop(PosixSignalContext context)
    {
        if (context.Signal != PosixSignal.SIGHUP && Interlocked.Increment(ref _requests) > 1)
        {
            // An exit is safe at any moment: journals are replaced atomically, compare-and-set protects the ledger, and leases expire.
            Environment.Exit(ExitCodes.NotDone);
        }

        context.Cancel = true;
        _stop.Cancel();
    }
}
