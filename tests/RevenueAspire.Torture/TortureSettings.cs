using System.Globalization;

namespace RevenueAspire.Torture;

/// <summary>Where the log is.</summary>
internal enum LogEngine
{
    /// <summary>In files: one process of the API.</summary>
    Files,

    /// <summary>In the database: two processes of the API, and no folder that anybody shares.</summary>
    Postgres,
}

/// <summary>On or off, on the command line.</summary>
internal enum Switch
{
    Off,
    On,
}

/// <summary>What a run is asked to do.</summary>
/// <param name="Duration">How long faults are injected.</param>
/// <param name="Seed">Decides about load and faults (not about how the machine schedules them).</param>
/// <param name="Kinds">Kinds of faults; none for load alone.</param>
/// <param name="Engine">Where the log is.</param>
/// <param name="Retention">Whether the API removes what the ledger has from the log in files, and remembers few keys; null: the seed decides.</param>
/// <param name="Keep">Keep data and outputs whatever was found.</param>
internal sealed record TortureSettings(TimeSpan Duration, int Seed, IReadOnlyList<string> Kinds, LogEngine Engine, bool? Retention, bool Keep)
{
    /// <summary>Whether segments are removed, and keys forgotten, while the run lasts.</summary>
    public bool Retains => Engine == LogEngine.Files && (Retention ?? new Random(Seed ^ 0x4e7a).Next(2) == 0);

    /// <summary>The command that repeats the run.</summary>
    public string Replay => string.Create(
        CultureInfo.InvariantCulture,
        $"dotnet run -c Release --project tests/RevenueAspire.Torture -- --minutes {Duration.TotalMinutes:0.###} --seed {Seed} "
        + $"--faults {(Kinds.Count == 0 ? "none" : string.Join(',', Kinds))} "
        + $"{(Engine == LogEngine.Files ? $"--retention {(Retains ? "on" : "off")}" : "--engine postgres")}");
}
