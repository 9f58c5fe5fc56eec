namespace RevenueAspire.Processor;

/// <summary>Ids of the processor's log messages, 3000 to 3999. An id never changes its meaning.</summary>
internal static class EventIds
{
    public const int DatabaseRetry = 3001;
    public const int Following = 3010;
    public const int LogNotReadableYet = 3011;
    public const int LogReplaced = 3012;
    public const int LogCopy = 3013;
    public const int LedgerFound = 3014;
    public const int LedgerWarning = 3015;
    public const int LedgerWrong = 3016;
    public const int PoolerWithoutNotifications = 3017;
    public const int HistoryDropped = 3018;
    public const int HistoryNotRotated = 3019;
    public const int LogFollowed = 3020;
    public const int LeaseTaken = 3021;
    public const int CatchingUp = 3022;
    public const int SourceStopped = 3023;
    public const int LogNotReadableNow = 3024;
    public const int FollowerFailed = 3025;
    public const int MarkBehindLedger = 3026;
    public const int PositionLost = 3027;
    public const int SpoolRefused = 3028;
    public const int BytesLost = 3030;
    public const int RecordsRejected = 3031;
    public const int RangeMerged = 3032;
    public const int LiveEventsApplied = 3040;
}
