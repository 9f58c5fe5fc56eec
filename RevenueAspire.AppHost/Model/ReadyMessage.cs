using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using RevenueAspire.CommandLine;

namespace RevenueAspire.AppHost.Model;

/// <summary>The line on the console that names the live page and the data directory, once the API is ready.</summary>
internal static partial class ReadyMessage
{
    /// <summary>Logs the line; not when published.</summary>
    public static IResourceBuilder<ProjectResource> WithReadyMessage(this IResourceBuilder<ProjectResource> api)
    {
        var builder = api.ApplicationBuilder;
        return builder.ExecutionContext.IsPublishMode ? api : api.OnResourceReady((resource, ready, _) =>
        {
            var logger = ready.Services.GetRequiredService<ILoggerFactory>().CreateLogger("RevenueAspire.AppHost");
            LogReady(logger, resource.GetEndpoint("http").Url, DataDirectory.Resolve(builder.Configuration));
            return Task.CompletedTask;
        });
    }

    [LoggerMessage(EventIds.Ready, LogLevel.Information, "Live page: {Url}. Data directory: {Directory}.")]
    private static partial void LogReady(ILogger logger, string url, string directory);
}
