using RevenueAspire.Testing;

namespace RevenueAspire.Torture.Faults;

/// <summary>Kills the primary of two synchronous standbys, or makes the standbys stop confirming commits (rules R1 to R5).</summary>
internal static class ReplicationFaults
{
    public static IEnumerable<Fault> All =>
    [
        Of(FaultKinds.Failover, "primary lost", (context, servers) => FailOverAsync(context, servers, "")),
        Of(FaultKinds.Failover, "primary lost while standbys were paused", async (context, servers) =>
        {
            // Commits that exist only on the primary are lost with it, so the API must not have acknowledged any of them.
            await servers.PauseStandbysAsync();
            var paused = await context.PauseAsync(0.2, 4);
            return await FailOverAsync(context, servers, $"standbys paused for {paused}, ");
        }),
        Of(FaultKinds.Failover, "primary lost after its waits were cancelled", async (context, servers) =>
        {
            await servers.PauseStandbysAsync();
            var cancelled = await CancelWaitsAsync(context, servers);
            return await FailOverAsync(context, servers, $"{cancelled} waits cancelled, ");
        }),
        Of(FaultKinds.StandbyPaused, "standbys paused", async (context, servers) =>
        {
            await servers.PauseStandbysAsync();
            var paused = await context.PauseAsync(0.2, 6);
            servers.Resume();
            return $"for {paused}";
        }),
        Of(FaultKinds.StandbyPaused, "standbys paused and waits cancelled", async (context, servers) =>
        {
            await servers.PauseStandbysAsync();
            var cancelled = await CancelWaitsAsync(context, servers);
            servers.Resume();
            return $"{cancelled} cancelled";
        }),
    ];

    private static Fault Of(string kind, string name, Func<FaultContext, ReplicatedPostgres, Task<string>> run) =>
        new(kind, name, context => context.WithPostgresAsync(() => run(context, context.Stage.Postgres.Replicas!)));

    private static async Task<string> FailOverAsync(FaultContext context, ReplicatedPostgres servers, string before)
    {
        await servers.KillPrimaryAsync();
        var leaderless = await context.PauseAsync(0, 2);
        var primary = await servers.PromoteAsync();
        var degraded = await context.PauseAsync(0, 3);
        await servers.HealAsync();
        return $"{before}no primary for {leaderless}, then node {primary + 1}; the old primary returned after {degraded}";
    }

    private static async Task<int> CancelWaitsAsync(FaultContext context, ReplicatedPostgres servers)
    {
        var cancelled = 0;
        for (var end = DateTime.UtcNow + context.Between(0.5, 4); DateTime.UtcNow < end;)
        {
            foreach (var waiting in await servers.WaitingBackendsAsync())
            {
                await servers.ExecuteAsync($"select pg_cancel_backend({waiting})");
                cancelled++;
            }

            await Task.Delay(context.Random.Next(100));
        }

        return cancelled;
    }
}
