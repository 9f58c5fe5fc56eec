using System.Globalization;

namespace RevenueAspire.Torture.Stage;

/// <summary>
/// A clock for the services that can jump while they run, by the library libfaketime (Debian: <c>apt install faketime</c>). The monotonic clock does not jump.
/// </summary>
internal sealed class FakeClock(string folder)
{
    private readonly string _file = Path.Combine(folder, "clock");

    /// <summary>Path of the library, or null if it is not installed.</summary>
    public static string? Library { get; } = OperatingSystem.IsLinux()
        ? Directory.EnumerateDirectories("/usr/lib").Append("/usr/local/lib").Select(directory => Path.Combine(directory, "faketime", "libfaketimeMT.so.1"))
            .FirstOrDefault(File.Exists)
        : null;

    /// <summary>Whether services that start now use this clock. Off by default, because it makes them several times slower.</summary>
    public bool IsOn { get; set; }

    /// <summary>Environment variables for a service; empty while the clock is off.</summary>
    public Dictionary<string, string?> Settings => !IsOn ? [] : new Dictionary<string, string?>
    {
        ["LD_PRELOAD"] = Library,
        ["FAKETIME_TIMESTAMP_FILE"] = _file,
        ["FAKETIME_CACHE_DURATION"] = "1",
        ["FAKETIME_DONT_FAKE_MONOTONIC"] = "1",
        ["DONT_FAKE_MONOTONIC"] = "1",
    };

    /// <summary>Sets the offset of the services' clock from the real time; takes effect within a second.</summary>
    public void JumpTo(TimeSpan offset) =>
        File.WriteAllText(_file, string.Create(CultureInfo.InvariantCulture, $"{(offset < TimeSpan.Zero ? '-' : '+')}{Math.Abs(offset.TotalSeconds):0}\n"));
}
