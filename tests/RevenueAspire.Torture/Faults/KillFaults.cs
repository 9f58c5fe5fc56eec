using RevenueAspire.Testing;
using RevenueAspire.Torture.Load;
using RevenueAspire.Torture.Stage;

namespace RevenueAspire.Torture.Faults;

/// <summary>Processes of ours that end, or stand still.</summary>
internal static class KillFaults
{
    public static IEnumerable<Fault> All(LogEngine engine) =>
    [
        .. engine == LogEngine.Files ? (Fault[])[] : [new(FaultKinds.Kill, "kill -9 all apis", context => context.WithApiAsync(async () =>
        {
            await Task.WhenAll(context.Stage.Apis.Select(api => api.KillAsync()));
            var down = await context.PauseAsync(0, 1.5);
            await Task.WhenAll(context.Stage.Apis.Select(api => api.StartAsync()));
            return $"down for {down}";
        }))],
        new(FaultKinds.Kill, "kill -9 api", context => context.WithApiAsync(async () =>
        {
            var api = context.Api();
            await api.KillAsync();
            var down = await context.PauseAsync(0, 1.5);
            await api.StartAsync();
            return $"{api.Name} down for {down}";
        })),
        new(FaultKinds.Kill, "SIGTERM api", context => context.WithApiAsync(async () =>
        {
            var api = context.Api();
            await api.StopAsync();
            await api.StartAsync();
            return api.Name;
        })),
        new(FaultKinds.Kill, "kill -9 processor", async context =>
        {
            var processor = context.Processor();
            await processor.KillAsync();
            var down = await context.PauseAsync(0, 3);
            await processor.StartAsync();
            return $"{processor.Name} down for {down}";
        }),
        new(FaultKinds.Kill, "kill -9 all processors", async context =>
        {
            await Task.WhenAll(context.Stage.Processors.Select(processor => processor.KillAsync()));
            var down = await context.PauseAsync(0, 3);
            await Task.WhenAll(context.Stage.Processors.Select(processor => processor.StartAsync()));
            return $"down for {down}";
        }),
        new(FaultKinds.Kill, "SIGTERM processor", async context =>
        {
            var processor = context.Processor();
            await processor.StopAsync();
            await processor.StartAsync();
            return processor.Name;
        }),
        new(FaultKinds.Kill, "kill -9 api and processor", context => context.WithApiAsync(async () =>
        {
            var (api, processor) = (context.Api(), context.Processor());
            await Task.WhenAll(api.KillAsync(), processor.KillAsync());
            await Task.WhenAll(api.StartAsync(), processor.StartAsync());
            return $"{api.Name} and {processor.Name}";
        })),
        Command("kill -9 client (then --resume)", ClientLoad.Kind, Signal.Kill),
        Command("SIGTERM client (then --resume)", ClientLoad.Kind, Signal.Terminate),
        new(FaultKinds.Kill, "kill -9 client service", async context =>
        {
            await context.Stage.Client.KillAsync();
            var down = await context.PauseAsync(0, 2);
            await context.Stage.Client.StartAsync();
            return $"down for {down}";
        }),
        new(FaultKinds.Kill, "SIGTERM client service", async context =>
        {
            await context.Stage.Client.StopAsync();
            await context.Stage.Client.StartAsync();
            return "";
        }),
        Command("kill -9 process FILE", FileLoad.Kind, Signal.Kill),
        Command("SIGTERM process FILE", FileLoad.Kind, Signal.Terminate),
        new(FaultKinds.Kill, "SIGSTOP processor beyond its lease", async context =>
        {
            var processor = context.Processor();
            return $"{processor.Name} for {await StandStillAsync(context, processor, 2, 8)}";
        }),
        new(FaultKinds.Kill, "SIGSTOP process FILE beyond its lease", async context =>
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
        new(FaultKinds.Kill, "SIGSTOP api", context => context.WithApiAsync(async () =>
        {
            var api = context.Api();
            return $"{api.Name} for {await StandStillAsync(context, api, 0.2, 4)}";
        })),
    ];

    private static Fault Command(string name, string kind, Signal signal) => new(FaultKinds.Kill, name, async context =>
    {
        if (await ChooseAsync(context, kind) is not { } process)
        {
            return "none ran";
        }

        process.Send(signal);
        return "";
    });

    /// <summary>A command that has had some time to begin, or null.</summary>
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
        return still;
    }
}
