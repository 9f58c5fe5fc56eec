namespace RevenueAspire.AppHost;

/// <summary>The ids of the AppHost's log entries, 6000 to 6999. An id keeps its meaning.</summary>
internal static class EventIds
{
    public const int ServerLine = 6000;
    public const int ResourceProblem = 6001;
    public const int CommandLine = 6010;
}
