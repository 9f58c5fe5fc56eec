using System.Globalization;

namespace RevenueAspire.Torture;

/// <summary>Storage of the log.</summary>
internal enum LogEngine
{
    /// <summary>In files: one process of the API.</summary>
    Files,

    /// <summary>In the database: two processes of the API, without a shared folder.</summary>
    Postgres,
}

/// <summary>On or off, on the command line.</summary>
internal enum Switch
{
    Off,
    On,
}

/// <summary>The settings of a run.</summary>
/// <param name="Duration">Duration of the fault injection.</param>
/// <param name="Seed">Decides load and faults, but not how the machine schedules them.</param>
/// <param name="Kinds">Kinds of faults; none for load alone.</param>
/// <param name="Engine">Storage of the log.</param>
/// <param name="Retention">Whether the API removes applied segments from a log in files and remembers few keys; null: the seed decides.</param>
/// <param name="Keep">Keep data and outputs in any case.</param>
internal sealed record TortureSettings(TimeSpan Duration, int Seed, IReadOnlyList<string> Kinds, LogEngine Engine, bool? Retention, bool Keep)
{
    /// <summary>Whether the API removes segments and forgets keys during the run.</summary>
    public bool Retains => Engine == LogEngine.Files && (Retention ?? new Random(Seed ^ 0x4e7a).Next(2) == 0);

    /// <summary>The command that repeats the run.</summary>
    public string Replay => string.Create(
        CultureInfo.InvariantCulture,
        $"dotnet run -c Release --project tests/RevenueAspire.Torture -- --minutes {Duration.TotalMinutes:0.###} --seed {Seed} "
        + $"--faults {(Kinds.Count == 0 ? "none" : string.Join(',', Kinds))} "
        + $"{(Engine == LogEngine.Files ? $"--retention {(Retains ? "on" : "off")}" : "--engine postgres")}");
}
