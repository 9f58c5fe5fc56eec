using RevenueAspire.Testing;
using RevenueAspire.Torture.Load;
using RevenueAspire.Torture.Stage;

namespace RevenueAspire.Torture.Faults;

/// <summary>Kills processes of the product, or freezes them for a while.</summary>
internal static class KillFaults
{
    public static IEnumerable<Fault> All(LogEngine engine) =>
    [
        .. engine == LogEngine.Files ? (Fault[])[] :
        [
            Of("kill -9 all apis", context => context.WithApiAsync(() => KillAsync(context, 1.5, [.. context.Stage.Apis]))),
        ],
        Of("kill -9 api", context => context.WithApiAsync(() => KillAsync(context, 1.5, context.Api()))),
        Of("SIGTERM api", context => context.WithApiAsync(() => RestartAsync(context.Api()))),
        Of("kill -9 processor", context => KillAsync(context, 3, context.Processor())),
        Of("kill -9 all processors", context => KillAsync(context, 3, [.. context.Stage.Processors])),
        Of("SIGTERM processor", context => RestartAsync(context.Processor())),
        Of("kill -9 api and processor", context => context.WithApiAsync(() => KillAsync(context, 0, context.Api(), context.Processor()))),
        Command("kill -9 client (then --resume)", ClientLoad.Kind, Signal.Kill),
        Command("SIGTERM client (then --resume)", ClientLoad.Kind, Signal.Terminate),
        Of("kill -9 client service", context => KillAsync(context, 2, context.Stage.Client)),
        Of("SIGTERM client service", context => RestartAsync(context.Stage.Client)),
        Command("kill -9 process FILE", FileLoad.Kind, Signal.Kill),
        Command("SIGTERM process FILE", FileLoad.Kind, Signal.Terminate),
        Of("SIGSTOP processor beyond its lease", context => StandStillAsync(context, context.Processor(), 2, 8)),
        Of("SIGSTOP process FILE beyond its lease", async context =>
        {
            if (await ChooseAsync(context, FileLoad.Kind) is not { } process)
            {
                return "none ran";
            }

            process.Send(Signal.Stop);
            var still = await context.PauseAsync(2, 8);
            process.Send(Signal.Continue);
            return $"for {still}";
        }),
        Of("SIGSTOP api", context => context.WithApiAsync(() => StandStillAsync(context, context.Api(), 0.2, 4))),
    ];

    private static Fault Of(string name, Func<FaultContext, Task<string>> run) => new(FaultKinds.Kill, name, run);

    private static async Task<string> KillAsync(FaultContext context, double mostSecondsDown, params Service[] services)
    {
        await Task.WhenAll(services.Select(service => service.KillAsync()));
        var down = await context.PauseAsync(0, mostSecondsDown);
        await Task.WhenAll(services.Select(service => service.StartAsync()));
        return $"{string.Join(" and ", services.Select(service => service.Name))} down for {down}";
    }

    private static async Task<string> RestartAsync(Service service)
    {
        await service.StopAsync();
        await service.StartAsync();
        return service.Name;
    }

    private static Fault Command(string name, string kind, Signal signal) => Of(name, async context =>
    {
        if (await ChooseAsync(context, kind) is not { } process)
        {
            return "none ran";
        }

        process.Send(signal);
        return "";
    });

    /// <summary>A command that has run for a moment, or null.</summary>
    private static async Task<ServiceProcess?> ChooseAsync(FaultContext context, string kind)
    {
        for (var attempt = 0; attempt < 20; attempt++)
        {
            if (context.Commands.Choose(kind, context.Random) is { } process)
            {
                await context.PauseAsync(0, 1.5);
                if (!process.HasExited)
                {
                    return process;
                }
            }

            await Task.Delay(50);
        }

        return null;
    }

    private static async Task<string> StandStillAsync(FaultContext context, Service service, double fromSeconds, double toSeconds)
    {
        service.Send(Signal.Stop);
        var still = await context.PauseAsync(fromSeconds, toSeconds);
        service.Send(Signal.Continue);
        return $"{service.Name} for {still}";
    }
}
