namespace RevenueAspire.Torture.Faults;

/// <summary>Clocks that jump by hours. Leases are on the database's clock; the services' own serves for time stamps and pauses.</summary>
internal static class ClockFaults
{
    /// <summary>All faults; those of the services' clock need <see cref="Stage.FakeClock"/>.</summary>
    public static IEnumerable<Fault> All =>
    [
        new(FaultKinds.Clock, "database clock back", context => MoveLeasesAsync(context, ahead: true)),
        new(FaultKinds.Clock, "database clock ahead", context => MoveLeasesAsync(context, ahead: false)),
        .. Stage.FakeClock.Library is null ? (Fault[])[] :
        [
            new(FaultKinds.Clock, "clock of the services jumps", context => context.WithApiAsync(async () =>
            {
                var processor = context.Processor();
                var hours = context.Random.Next(-48, 49);
                context.Stage.Clock.IsOn = true;
                await RestartAsync();
                context.Stage.Clock.JumpTo(TimeSpan.FromHours(hours));
                var pause = await context.PauseAsync(2, 5);
                context.Stage.Clock.JumpTo(TimeSpan.Zero);
                await context.PauseAsync(1, 2);
                context.Stage.Clock.IsOn = false;
                await RestartAsync();
                return $"{hours} h for {pause} in api and {processor.Name}, and back";

                async Task RestartAsync()
                {
                    await Task.WhenAll(context.Stage.Api.StopAsync(), processor.StopAsync());
                    await Task.WhenAll(context.Stage.Api.StartAsync(), processor.StartAsync());
                    await context.Stage.WaitForApiAsync();
                }
            })),
        ],
    ];

    /// <summary>What a jump of the database's clock leaves behind: every lease ends hours too late, or long ago.</summary>
    private static async Task<string> MoveLeasesAsync(FaultContext context, bool ahead)
    {
        var hours = context.Random.Next(1, 48);
        foreach (var table in (string[])["event_source", "event_range"])
        {
            await context.Stage.Postgres.ExecuteAsync($"update {table} set lease_until = lease_until {(ahead ? '+' : '-')} interval '{hours} hours' where lease_until is not null");
        }

        return $"{hours} h";
    }
}
