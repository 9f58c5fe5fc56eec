namespace RevenueAspire.Torture;

/// <summary>What a run is asked to do.</summary>
/// <param name="Duration">How long faults are injected.</param>
/// <param name="Seed">Decides about load and faults (not about how the machine schedules them).</param>
/// <param name="Kinds">Kinds of faults; none for load alone.</param>
/// <param name="Keep">Keep data and outputs whatever was found.</param>
internal sealed record TortureSettings(TimeSpan Duration, int Seed, IReadOnlyList<string> Kinds, bool Keep)
{
    /// <summary>The command that repeats the run.</summary>
    public string Replay => FormattableString.Invariant(
        $"dotnet run -c Release --project tests/RevenueAspire.Torture -- --minutes {Duration.TotalMinutes:0.###} --seed {Seed} --faults {(Kinds.Count == 0 ? "none" : string.Join(',', Kinds))}");
}
