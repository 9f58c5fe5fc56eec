namespace RevenueAspire.Client.Sending;

/// <summary>Hears what happens in a run. Called by any thread; must return quickly.</summary>
internal interface ISendObserver
{
    /// <summary>A bad line, in file order, once it is safe in the file of rejected lines.</summary>
    void Rejected(string file, RejectedLine line);

    /// <summary>The API is away or asks to wait; the run goes on by itself.</summary>
    void Waiting(string reason);

    /// <summary>Something that the user should know, and that does not stop the run.</summary>
    void Warning(string text);
}

/// <summary>A line that is no event.</summary>
/// <param name="Line">Number in the file, from 1.</param>
/// <param name="Reason">Why, for people.</param>
/// <param name="Bytes">The line as it is in the file, without its newline; null for one that is too long to be held.</param>
/// <param name="Offset">Where it begins in the file, when <paramref name="Bytes"/> is null.</param>
/// <param name="Length">Its bytes, when <paramref name="Bytes"/> is null.</param>
internal sealed record RejectedLine(long Line, string Reason, byte[]? Bytes, long Offset = 0, long Length = 0);
