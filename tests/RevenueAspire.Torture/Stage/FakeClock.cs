using System.Globalization;

namespace RevenueAspire.Torture.Stage;

/// <summary>
/// A clock of the services' own, where the library libfaketime is installed (Debian: <c>apt install faketime</c>). It can jump while they run; their
/// monotonic clock goes on.
/// </summary>
internal sealed class FakeClock(string folder)
{
    private readonly string _file = Path.Combine(folder, "clock");

    /// <summary>The library, or null where there is none.</summary>
    public static string? Library { get; } = OperatingSystem.IsLinux()
        ? Directory.EnumerateDirectories("/usr/lib").Append("/usr/local/lib").Select(directory => Path.Combine(directory, "faketime", "libfaketimeMT.so.1"))
            .FirstOrDefault(File.Exists)
        : null;

    /// <summary>Whether services that are started now get it. Off, since it slows them down many times over.</summary>
    public bool IsOn { get; set; }

    /// <summary>What a service must be started with; empty while it is off.</summary>
    public Dictionary<string, string?> Settings => !IsOn ? [] : new Dictionary<string, string?>
    {
        ["LD_PRELOAD"] = Library,
        ["FAKETIME_TIMESTAMP_FILE"] = _file,
        ["FAKETIME_CACHE_DURATION"] = "1",
        ["FAKETIME_DONT_FAKE_MONOTONIC"] = "1",
        ["DONT_FAKE_MONOTONIC"] = "1",
    };

    /// <summary>Lets the services see so much more, or less, than the real time; within a second.</summary>
    public void JumpTo(TimeSpan offset) =>
        File.WriteAllText(_file, string.Create(CultureInfo.InvariantCulture, $"{(offset < TimeSpan.Zero ? '-' : '+')}{Math.Abs(offset.TotalSeconds):0}\n"));
}
