namespace RevenueAspire.AppHost;

/// <summary>Ids of the AppHost's log messages, 6000 to 6999. An id never changes its meaning.</summary>
internal static class EventIds
{
    public const int ServerLine = 6000;
    public const int ResourceProblem = 6001;
    public const int Ready = 6002;
    public const int CommandLine = 6010;
}
