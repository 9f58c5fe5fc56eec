namespace RevenueAspire.Client;

/// <summary>Ids of the client's log entries, 5000 to 5999. An id never changes its meaning.</summary>
internal static class EventIds
{
    public const int SendStarted = 5000;
    public const int SendResumed = 5001;
    public const int SendFinished = 5002;
    public const int SendFinishedWithRejects = 5003;
    public const int AlreadySent = 5004;
    public const int SendToOtherLog = 5005;
    public const int Waiting = 5010;
    public const int RunWarning = 5011;
    public const int StartInterrupted = 5020;
    public const int StartFailed = 5021;
}
