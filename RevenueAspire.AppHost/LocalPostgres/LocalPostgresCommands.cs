using Microsoft.Extensions.DependencyInjection;

namespace RevenueAspire.AppHost.LocalPostgres;

/// <summary>'Start' and 'Stop' of a local Postgres, as containers and projects have them, and 'Promote a standby'.</summary>
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
            Description = server.Resource.Cluster.Servers.Count == 1
                ? "With the log in files, the API continues to accept events. They are counted when the server is started again."
                : "Without the primary, nothing is counted until it is started again or a standby is promoted.",
            IconName = "Stop",
            IconVariant = IconVariant.Filled,
            IsHighlighted = true,
            UpdateState = context => Shown(context.ResourceSnapshot.State?.Text == KnownResourceStates.Running),
        });

    /// <summary>'Promote a standby' of a primary that has ended.</summary>
    public static IResourceBuilder<LocalPostgresServerResource> WithPromotion(this IResourceBuilder<LocalPostgresServerResource> server) =>
        server.Resource.Cluster.Servers.Count == 1 ? server : server
            .WithCommand("promote-standby", "Promote a standby", context => PromoteAsync(server.Resource, context), new CommandOptions
            {
                Description = "The standby that has received most becomes the primary. This server becomes a standby of it when it is started again.",
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
