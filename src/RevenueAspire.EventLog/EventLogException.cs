namespace RevenueAspire.EventLog;

/// <summary>The log cannot be opened or read; the message is one line for people and names the path.</summary>
public sealed class EventLogException : Exception
{
    /// <summary>With a message for people.</summary>
    public EventLogException(string message) : base(message) { }

    /// <summary>With a message for people and what caused it.</summary>
    public EventLogException(string message, Exception inner) : base(message, inner) { }
}
