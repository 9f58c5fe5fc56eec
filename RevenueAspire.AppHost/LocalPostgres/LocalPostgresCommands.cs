using Microsoft.Extensions.DependencyInjection;

namespace RevenueAspire.AppHost.LocalPostgres;

/// <summary>Adds 'Start' and 'Stop' to a local Postgres, like those of containers and projects, and 'Promote a standby'.</summary>
internal static class LocalPostgresCommands
{
    private static readonly string[] Stopped = [KnownResourceStates.Exited, KnownResourceStates.FailedToStart];

    /// <summary>The same command names as for all other resources, so that tools find them.</summary>
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
            Description = server.Resource.Cluster.Servers.Count == 1
                ? "With the log in files, the API continues to accept events. Processors apply them after the server is started again."
                : "Without the primary, no event is applied until it is started again or a standby is promoted.",
            IconName = "Stop",
            IconVariant = IconVariant.Filled,
            IsHighlighted = true,
            UpdateState = context => Shown(context.ResourceSnapshot.State?.Text == KnownResourceStates.Running),
        });

    /// <summary>Adds 'Promote a standby' to a stopped primary.</summary>
    public static IResourceBuilder<LocalPostgresServerResource> WithPromotion(this IResourceBuilder<LocalPostgresServerResource> server) =>
        server.Resource.Cluster.Servers.Count == 1 ? server : server
            .WithCommand("promote-standby", "Promote a standby", context => PromoteAsync(server.Resource, context), new CommandOptions
            {
                Description = "The standby that has received the most data becomes the primary. When this server starts again, it becomes a standby.",
                IconName = "ArrowCircleUp",
                IconVariant = IconVariant.Filled,
                IsHighlighted = true,
                UpdateState = context => Shown(server.Resource.IsPrimary && Stopped.Contains(context.ResourceSnapshot.State?.Text)),
            });

    private static ResourceCommandState Shown(bool shown) => shown ? ResourceCommandState.Enabled : ResourceCommandState.Hidden;

    private static async Task<ExecuteCommandResult> StartAsync(LocalPostgresServerResource server, ExecuteCommandContext context) =>
        await context.Services.GetRequiredService<LocalPostgresRunner>().StartAsync(server, context.CancellationToken) is { } problem
            ? CommandResults.Failure(problem)
            : CommandResults.Success();

    private static async Task<ExecuteCommandResult> StopAsync(LocalPostgresServerResource server, ExecuteCommandContext context)
    {
        await context.Services.GetRequiredService<LocalPostgresRunner>().StopAsync(server, context.CancellationToken);
        return CommandResults.Success();
    }

    private static async Task<ExecuteCommandResult> PromoteAsync(LocalPostgresServerResource server, ExecuteCommandContext context)
    {
        var (done, message) = await context.Services.GetRequiredService<LocalPostgresPromotion>().PromoteAsync(server.Cluster, context.CancellationToken);
        return done ? CommandResults.Success(message) : CommandResults.Failure(message);
    }
}
