namespace RevenueAspire.Client.Sending;

/// <summary>Receives notifications about a run. Called from any thread; must return quickly.</summary>
internal interface ISendObserver
{
    /// <summary>Reports a rejected line, in file order, after it is durable in the file of rejected lines.</summary>
    void Rejected(string file, RejectedLine line);

    /// <summary>Reports that the API is unavailable or asks the client to wait. The run retries automatically.</summary>
    void Waiting(string reason);

    /// <summary>A warning for the user. The run continues.</summary>
    void Warning(string text);
}

/// <summary>A line that is not a valid event.</summary>
/// <param name="Line">Number in the file, from 1.</param>
/// <param name="Reason">The reason, for people.</param>
/// <param name="Bytes">The unchanged line without its newline; null if it is too long to keep in memory.</param>
/// <param name="Offset">Offset of the line in the file, if <paramref name="Bytes"/> is null.</param>
/// <param name="Length">Length of the line in bytes, if <paramref name="Bytes"/> is null.</param>
internal sealed record RejectedLine(long Line, string Reason, byte[]? Bytes, long Offset = 0, long Length = 0);
