using RevenueAspire.Torture.Load;
using RevenueAspire.Torture.Stage;

namespace RevenueAspire.Torture.Faults;

/// <summary>One way to do harm. It does it, and takes it away again: when it returns, nothing but the system itself stands between now and recovery.</summary>
/// <param name="Kind">One of <see cref="FaultKinds"/>.</param>
/// <param name="Name">For people.</param>
/// <param name="RunAsync">Does it; returns what it chose, for the printed line.</param>
internal sealed record Fault(string Kind, string Name, Func<FaultContext, Task<string>> RunAsync);

/// <summary>What a fault works on.</summary>
/// <param name="Stage">The processes.</param>
/// <param name="Commands">The commands that run meanwhile.</param>
/// <param name="Files">The files that are counted.</param>
/// <param name="Random">This fault's own, so that it does not depend on what ran before it.</param>
internal sealed record FaultContext(TortureStage Stage, Commands Commands, FileLoad Files, Random Random)
{
    /// <summary>A random time.</summary>
    public TimeSpan Between(double fromSeconds, double toSeconds) => TimeSpan.FromSeconds(fromSeconds + (Random.NextDouble() * (toSeconds - fromSeconds)));

    /// <summary>Waits for a random time, and says how long.</summary>
    public async Task<string> PauseAsync(double fromSeconds, double toSeconds)
    {
        var pause = Between(fromSeconds, toSeconds);
        await Task.Delay(pause);
        return FormattableString.Invariant($"{pause.TotalSeconds:0.0} s");
    }

    /// <summary>A random processor.</summary>
    public Service Processor() => Stage.Processors[Random.Next(Stage.Processors.Count)];

    /// <summary>A random process of the API: the only one for a log in files.</summary>
    public Service Api() => Stage.Apis.Count == 1 ? Stage.Apis[0] : Stage.Apis[Random.Next(Stage.Apis.Count)];

    /// <summary>Runs while no other fault has the API down.</summary>
    public Task<string> WithApiAsync(Func<Task<string>> action) => WithAsync(Stage.ApiGate, action);

    /// <summary>Runs while no other fault has the database server in its hands.</summary>
    public Task<string> WithPostgresAsync(Func<Task<string>> action) => WithAsync(Stage.PostgresGate, action);

    /// <summary>Runs while no other fault has the pooler in its hands.</summary>
    public Task<string> WithPoolerAsync(Func<Task<string>> action) => WithAsync(Stage.Pooler!.Gate, action);

    private static async Task<string> WithAsync(SemaphoreSlim gate, Func<Task<string>> action)
    {
        await gate.WaitAsync();
        try
        {
            return await action();
        }
        finally
        {
            gate.Release();
        }
    }
}

/// <summary>The kinds of faults that a run can be asked for.</summary>
internal static class FaultKinds
{
    public const string Kill = "kill";
    public const string Postgres = "postgres";
    public const string Network = "network";
    public const string Disk = "disk";
    public const string Clock = "clock";
    public const string Rotation = "rotation";

    /// <summary>With it, a pooler is between the services and the database server, whose other faults are the pooler's too.</summary>
    public const string Pooler = "pooler";

    public const string Failover = "failover";
    public const string StandbyPaused = "standby-paused";

    /// <summary>Those of a single database server that the services reach without a pooler.</summary>
    public static IReadOnlyList<string> All { get; } = [Kill, Postgres, Network, Disk, Clock, Rotation];

    /// <summary>Those of a primary with two standbys; of the others, only <see cref="Kill"/> goes with them.</summary>
    public static IReadOnlyList<string> Replicated { get; } = [Failover, StandbyPaused];

    /// <summary>Every kind.</summary>
    public static IEnumerable<string> Known => [.. All, Pooler, .. Replicated];

    /// <summary>Whether any of the kinds needs standbys.</summary>
    public static bool NeedStandbys(IReadOnlyList<string> kinds) => kinds.Any(Replicated.Contains);

    /// <summary>The kinds of a list; empty for <c>none</c>; null for a name that is none.</summary>
    public static IReadOnlyList<string>? Parse(string list)
    {
        string[] names = list == "none" ? [] : list.Split(',', StringSplitOptions.TrimEntries);
        return names.All(Known.Contains) ? names : null;
    }
}
