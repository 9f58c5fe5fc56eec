using System.Globalization;

namespace RevenueAspire.Testing;

/// <summary>How this process takes signals, which its children inherit.</summary>
internal static class Signals
{
    private const string IgnoredSignals = "SigIgn:";
    private const ulong Interrupt = 1 << 1;

    /// <summary>Whether Ctrl+C means nothing here: a shell starts what it runs in the background so, and a child that shall be interrupted must not inherit it.</summary>
    public static bool IsInterruptIgnored { get; } = OperatingSystem.IsLinux() && File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith(IgnoredSignals, StringComparison.Ordinal)) is { } line
        && (ulong.Parse(line.AsSpan(IgnoredSignals.Length).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture) & Interrupt) != 0;
}
