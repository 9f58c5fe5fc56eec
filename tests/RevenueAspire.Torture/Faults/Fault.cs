using RevenueAspire.Torture.Load;
using RevenueAspire.Torture.Stage;

namespace RevenueAspire.Torture.Faults;

/// <summary>A fault to inject. It undoes its damage before it returns. After that, the services must recover without help.</summary>
/// <param name="Kind">One of <see cref="FaultKinds"/>.</param>
/// <param name="Name">Name in the output.</param>
/// <param name="RunAsync">Injects and removes the fault; returns its random choices for the printed line.</param>
internal sealed record Fault(string Kind, string Name, Func<FaultContext, Task<string>> RunAsync);

/// <summary>The targets of a fault.</summary>
/// <param name="Stage">The processes.</param>
/// <param name="Commands">The running commands.</param>
/// <param name="Files">The files that are counted.</param>
/// <param name="Random">Numbers for this fault alone, independent of earlier faults.</param>
internal sealed record FaultContext(TortureStage Stage, Commands Commands, FileLoad Files, Random Random)
{
    /// <summary>A random duration.</summary>
    public TimeSpan Between(double fromSeconds, double toSeconds) => TimeSpan.FromSeconds(fromSeconds + (Random.NextDouble() * (toSeconds - fromSeconds)));

    /// <summary>Waits for a random duration; returns it as text.</summary>
    public async Task<string> PauseAsync(double fromSeconds, double toSeconds)
    {
        var pause = Between(fromSeconds, toSeconds);
        await Task.Delay(pause);
        return FormattableString.Invariant($"{pause.TotalSeconds:0.0} s");
    }

    /// <summary>A random processor.</summary>
    public Service Processor() => Stage.Processors[Random.Next(Stage.Processors.Count)];

    /// <summary>A random API process; with a log in files, there is only one.</summary>
    public Service Api() => Stage.Apis.Count == 1 ? Stage.Apis[0] : Stage.Apis[Random.Next(Stage.Apis.Count)];

    /// <summary>Runs an action while no other fault disturbs the API.</summary>
    public Task<string> WithApiAsync(Func<Task<string>> action) => WithAsync(Stage.ApiGate, action);

    /// <summary>Runs an action while no other fault disturbs the database server.</summary>
    public Task<string> WithPostgresAsync(Func<Task<string>> action) => WithAsync(Stage.PostgresGate, action);

    /// <summary>Runs an action while no other fault disturbs the pooler.</summary>
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

/// <summary>The kinds of faults that the command line offers.</summary>
internal static class FaultKinds
{
    public const string Kill = "kill";
    public const string Postgres = "postgres";
    public const string Network = "network";
    public const string Disk = "disk";
    public const string Clock = "clock";
    public const string Rotation = "rotation";

    /// <summary>Puts a pooler between the services and the database server; database faults then also affect the pooler.</summary>
    public const string Pooler = "pooler";

    public const string Failover = "failover";
    public const string StandbyPaused = "standby-paused";

    /// <summary>Kinds for a single database server without a pooler.</summary>
    public static IReadOnlyList<string> All { get; } = [Kill, Postgres, Network, Disk, Clock, Rotation];

    /// <summary>Kinds for a primary with two standbys. Only <see cref="Kill"/> can be combined with them.</summary>
    public static IReadOnlyList<string> Replicated { get; } = [Failover, StandbyPaused];

    /// <summary>Every kind.</summary>
    public static IEnumerable<string> Known => [.. All, Pooler, .. Replicated];

    /// <summary>Whether any kind needs standbys.</summary>
    public static bool NeedStandbys(IReadOnlyList<string> kinds) => kinds.Any(Replicated.Contains);

    /// <summary>Parses a comma-separated list; empty for <c>none</c>, null for an unknown name.</summary>
    public static IReadOnlyList<string>? Parse(string list)
    {
        string[] names = list == "none" ? [] : list.Split(',', StringSplitOptions.TrimEntries);
        return names.All(Known.Contains) ? names : null;
    }
}
