using Microsoft.Extensions.Logging;

namespace RevenueAspire.AppHost.Model;

/// <summary>Reports why a resource cannot start: one line in its log in the dashboard, and on the console.</summary>
internal sealed partial class ResourceProblems(ResourceLoggerService loggers)
{
    /// <param name="resource">The resource whose log gets the line.</param>
    /// <param name="problem">One line with the cause and the remedy.</param>
    public void Report(IResource resource, string problem)
    {
        LogProblem(loggers.GetLogger(resource), problem);
        Console.Error.WriteLine($"{resource.Name}: {problem}");
    }

    [LoggerMessage(EventIds.ResourceProblem, LogLevel.Error, "{Problem}")]
    private static partial void LogProblem(ILogger logger, string problem);
}
