using System.Globalization;
using System.Runtime.InteropServices;

namespace RevenueAspire.Testing;

/// <summary>Signals for processes.</summary>
public enum Signal
{
    /// <summary>SIGINT, as from Ctrl+C.</summary>
    Interrupt,

    /// <summary>SIGTERM, which asks for a clean exit.</summary>
    Terminate,

    /// <summary>SIGHUP, as from a closed terminal.</summary>
    Hangup,

    /// <summary>SIGKILL, which ends a process without cleanup.</summary>
    Kill,

    /// <summary>SIGSTOP, which freezes all threads.</summary>
    Stop,

    /// <summary>SIGCONT, which resumes a frozen process.</summary>
    Continue,
}

/// <summary>Sends signals, and reports which this process ignores.</summary>
public static partial class Signals
{
    private const string IgnoredSignals = "SigIgn:";
    private const ulong HangupAndInterrupt = (1 << 0) | (1 << 1);

    /// <summary>
    /// Whether this process ignores Ctrl+C or SIGHUP, for example because it was started with nohup or in the background of a shell. Its children inherit this,
    /// so a test cannot interrupt them.
    /// </summary>
    public static bool AreIgnored { get; } =
        OperatingSystem.IsLinux()
        && File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith(IgnoredSignals, StringComparison.Ordinal)) is { } line
        && (ulong.Parse(line.AsSpan(IgnoredSignals.Length).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture) & HangupAndInterrupt) != 0;

    /// <summary>Sends a signal to a process.</summary>
    /// <exception cref="IOException">The process does not exist, or this process lacks the permission.</exception>
    /// <exception cref="PlatformNotSupportedException">Windows has no signals.</exception>
    public static void Send(int processId, Signal signal)
    {
        if (OperatingSystem.IsWindows())
        {
            throw new PlatformNotSupportedException($"Windows has no {signal}.");
        }

        if (Kill(processId, Number(signal)) != 0)
        {
            throw new IOException($"{signal} could not be sent to process {processId}: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    private static int Number(Signal signal) => signal switch
    {
        Signal.Hangup => 1,
        Signal.Interrupt => 2,
        Signal.Kill => 9,
        Signal.Terminate => 15,
        Signal.Stop => OperatingSystem.IsMacOS() ? 17 : 19,
        Signal.Continue => OperatingSystem.IsMacOS() ? 19 : 18,
        _ => throw new ArgumentOutOfRangeException(nameof(signal)),
    };

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int processId, int signal);
}
