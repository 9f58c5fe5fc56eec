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
