namespace RevenueAspire.Client.Sending;

/// <summary>Limits of a run. Some of them determine where requests end, and a resumed run must cut the file in the same places. A change of such a limit
/// requires a new <see cref="Journal.JournalEntry.CurrentVersion"/>.</summary>
internal static class SendLimits
{
    /// <summary>Maximum bytes of a line without its end; a longer line is rejected without being sent.</summary>
    public const int LineBytes = 64 * 1024;

    /// <summary>Maximum bytes of a batch's body: far below the API's 32 MB, so that little must be repeated after a lost connection.</summary>
    public const int BatchBytes = 4 << 20;

    /// <summary>Maximum lines of a batch. The API can list as many rejected lines.</summary>
    public const int BatchLines = 100_000;

    /// <summary>Maximum of <c>--rate</c>, in lines per second.</summary>
    public const int Rate = 1_000_000;

    /// <summary>Maximum number of requests in flight.</summary>
    public const int Concurrency = 1024;

    /// <summary>Maximum number of requests read ahead of the oldest unanswered one.</summary>
    public const int OutstandingRequests = 1 << 16;

    /// <summary>Time between two saves of the journal.</summary>
    public static readonly TimeSpan SaveInterval = TimeSpan.FromSeconds(1);

    /// <summary>Time for requests in flight to finish after Ctrl+C.</summary>
    public static readonly TimeSpan StopGrace = TimeSpan.FromSeconds(5);

    /// <summary>Bytes of the file that may be sent beyond the progress on disk. Limits the memory for open requests, and the bytes that a resumed run sends
    /// again.</summary>
    public static long WindowBytes(int batch) => batch == 0 ? 8L << 20 : 64L << 20;
}
