using System.Globalization;

namespace RevenueAspire.Testing;

/// <summary>How this process takes signals, which its children inherit.</summary>
internal static class Signals
{
    private const string IgnoredSignals = "SigIgn:";
    private const ulong HangupAndInterrupt = (1 << 0) | (1 << 1);

    /// <summary>Whether Ctrl+C or the end of the terminal is ignored here: a shell and nohup start their commands so, and a child that the test interrupts must not inherit it.</summary>
    public static bool AreIgnored { get; } = OperatingSystem.IsLinux() && File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith(IgnoredSignals, StringComparison.Ordinal)) is { } line
        && (ulong.Parse(line.AsSpan(IgnoredSignals.Length).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture) & HangupAndInterrupt) != 0;
}
