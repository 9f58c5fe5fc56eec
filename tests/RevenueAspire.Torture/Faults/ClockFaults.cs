namespace RevenueAspire.Torture.Faults;

/// <summary>Clocks jump by hours. Leases use the database's clock; time stamps and pauses use the services' clock.</summary>
internal static class ClockFaults
{
    /// <summary>Lists all faults. Jumps of the services' clock require <see cref="Stage.FakeClock"/>.</summary>
    public static IEnumerable<Fault> All =>
    [
        new(FaultKinds.Clock, "database clock back", context => MoveLeasesAsync(context, ahead: true)),
        new(FaultKinds.Clock, "database clock ahead", context => MoveLeasesAsync(context, ahead: false)),
        .. Stage.FakeClock.Library is null ? (Fault[])[] :
        [
            new(FaultKinds.Clock, "clock of the services jumps", context => context.WithApiAsync(async () =>
            {
                var (api, processor) = (context.Api(), context.Processor());
                var hours = context.Random.Next(-48, 49);
                context.Stage.Clock.IsOn = true;
                await RestartAsync();
                context.Stage.Clock.JumpTo(TimeSpan.FromHours(hours));
                var pause = await context.PauseAsync(2, 5);
                context.Stage.Clock.JumpTo(TimeSpan.Zero);
                await context.PauseAsync(1, 2);
                context.Stage.Clock.IsOn = false;
                await RestartAsync();
                return $"{hours} h for {pause} in {api.Name} and {processor.Name}, and back";

                async Task RestartAsync()
                {
                    await Task.WhenAll(api.StopAsync(), processor.StopAsync());
                    await Task.WhenAll(api.StartAsync(), processor.StartAsync());
                    await context.Stage.WaitForApiAsync(api);
                }
            })),
        ],
    ];

    /// <summary>
    /// Simulates a jump of the database's clock: moves the end of every lease, and of every log's sign of life, by hours into the future or the past.
    /// </summary>
    private static async Task<string> MoveLeasesAsync(FaultContext context, bool ahead)
    {
        var hours = context.Random.Next(1, 48);
        foreach (var table in (string[])["event_source", "event_range"])
        {
            await context.Stage.Postgres.ExecuteAsync(
                $"update {table} set lease_until = lease_until {(ahead ? '+' : '-')} interval '{hours} hours' where lease_until is not null");
        }

        if (context.Stage.Engine == LogEngine.Postgres)
        {
            // The services then consider a live process dead and close its log, or a dead process alive.
            await context.Stage.Postgres.ExecuteAsync($"update event_log set alive_until = alive_until {(ahead ? '+' : '-')} interval '{hours} hours'");
        }

        return $"{hours} h";
    }
}
