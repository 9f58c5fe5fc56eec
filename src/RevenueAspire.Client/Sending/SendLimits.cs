namespace RevenueAspire.Client.Sending;

/// <summary>The limits of a run. Those that decide where one request ends and the next begins are written into the journal, since a resumed run must cut the
/// file in the same places.</summary>
internal static class SendLimits
{
    /// <summary>Bytes of a line without its end; a longer one is bad, and is not sent.</summary>
    public const int LineBytes = 64 * 1024;

    /// <summary>Bytes of a batch's body at most, far below the API's 32 MB, so that a lost connection costs little.</summary>
    public const int BatchBytes = 4 << 20;

    /// <summary>Lines of a batch at most: as many as the API lists when all of them are bad.</summary>
    public const int BatchLines = 100_000;

    /// <summary>Lines a second that can be asked for.</summary>
    public const int Rate = 1_000_000;

    /// <summary>Requests in flight at most.</summary>
    public const int Concurrency = 1024;

    /// <summary>Requests that may be read ahead of the oldest unanswered one.</summary>
    public const int OutstandingRequests = 1 << 16;

    /// <summary>Time between two saves of the journal.</summary>
    public static readonly TimeSpan SaveInterval = TimeSpan.FromSeconds(1);

    /// <summary>Time that requests in flight get to finish after Ctrl+C.</summary>
    public static readonly TimeSpan StopGrace = TimeSpan.FromSeconds(5);

    /// <summary>Bytes of the file that may be sent beyond the progress on disk. Bounds the memory for open requests, and what a resumed run sends
    /// again.</summary>
    public static long WindowBytes(int batch) => batch == 0 ? 8L << 20 : 64L << 20;
}
