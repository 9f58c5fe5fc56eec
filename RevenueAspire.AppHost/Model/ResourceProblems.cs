using Microsoft.Extensions.Logging;

namespace RevenueAspire.AppHost.Model;

/// <summary>What keeps a resource from starting: one line in its log in the dashboard, and for those who look at the console only.</summary>
internal sealed partial class ResourceProblems(ResourceLoggerService loggers)
{
    /// <param name="resource">Whose log.</param>
    /// <param name="problem">What, and what to do.</param>
    public void Say(IResource resource, string problem)
    {
        LogProblem(loggers.GetLogger(resource), problem);
        Console.Error.WriteLine($"{resource.Name}: {problem}");
    }

    [LoggerMessage(6001, LogLevel.Error, "{Problem}")]
    private static partial void LogProblem(ILogger logger, string problem);
}
