using Microsoft.Extensions.DependencyInjection;

namespace RevenueAspire.AppHost.LocalPostgres;

/// <summary>'Start' and 'Stop' of a local Postgres, as containers and projects have them.</summary>
internal static class LocalPostgresCommands
{
    private static readonly string[] Stopped = [KnownResourceStates.Exited, KnownResourceStates.FailedToStart];

    /// <summary>By the names that every resource's have, so that tools find them.</summary>
    public static IResourceBuilder<LocalPostgresServerResource> WithStartAndStop(this IResourceBuilder<LocalPostgresServerResource> server) => server
        .WithCommand(KnownResourceCommands.StartCommand, "Start", context => StartAsync(server.Resource, context), new CommandOptions
        {
            IconName = "Play",
            IconVariant = IconVariant.Filled,
            IsHighlighted = true,
            UpdateState = context => Shown(Stopped.Contains(context.ResourceSnapshot.State?.Text)),
        })
        .WithCommand(KnownResourceCommands.StopCommand, "Stop", context => StopAsync(server.Resource, context), new CommandOptions
        {
            Description = "The API goes on accepting events meanwhile; they are counted once it is started again.",
            IconName = "Stop",
            IconVariant = IconVariant.Filled,
            IsHighlighted = true,
            UpdateState = context => Shown(context.ResourceSnapshot.State?.Text == KnownResourceStates.Running),
        });

    private static ResourceCommandState Shown(bool shown) => shown ? ResourceCommandState.Enabled : ResourceCommandState.Hidden;

    private static async Task<ExecuteCommandResult> StartAsync(LocalPostgresServerResource server, ExecuteCommandContext context) =>
        await context.Services.GetRequiredService<LocalPostgresRunner>().StartAsync(server, context.Services, context.CancellationToken) is { } problem
            ? CommandResults.Failure(problem)
            : CommandResults.Success();

    private static async Task<ExecuteCommandResult> StopAsync(LocalPostgresServerResource server, ExecuteCommandContext context)
    {
        await context.Services.GetRequiredService<LocalPostgresRunner>().StopAsync(server, context.CancellationToken);
        return CommandResults.Success();
    }
}
