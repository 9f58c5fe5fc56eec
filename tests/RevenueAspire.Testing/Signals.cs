using System.Globalization;
using System.Runtime.InteropServices;

namespace RevenueAspire.Testing;

/// <summary>What can be sent to a process.</summary>
public enum Signal
{
    /// <summary>As Ctrl+C.</summary>
    Interrupt,

    /// <summary>The polite end.</summary>
    Terminate,

    /// <summary>As a closed terminal.</summary>
    Hangup,

    /// <summary>The end without a last word.</summary>
    Kill,

    /// <summary>Freezes it, with all its threads.</summary>
    Stop,

    /// <summary>Lets it go on.</summary>
    Continue,
}

/// <summary>Signals to processes, and how this process takes them.</summary>
public static partial class Signals
{
    private const string IgnoredSignals = "SigIgn:";
    private const ulong HangupAndInterrupt = (1 << 0) | (1 << 1);

    /// <summary>
    /// Whether Ctrl+C or the end of the terminal is ignored here: a shell and nohup start their commands so. Children inherit it, and a child that
    /// the test interrupts must not.
    /// </summary>
    public static bool AreIgnored { get; } =
        OperatingSystem.IsLinux()
        && File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith(IgnoredSignals, StringComparison.Ordinal)) is { } line
        && (ulong.Parse(line.AsSpan(IgnoredSignals.Length).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture) & HangupAndInterrupt) != 0;

    /// <summary>Sends a signal to a process.</summary>
    /// <exception cref="IOException">There is no such process, or this one may not send to it.</exception>
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
