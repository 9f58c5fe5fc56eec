namespace RevenueAspire.Ledger;

/// <summary>The database holds something the ledger cannot work with; one line for people.</summary>
public sealed class LedgerException : Exception
{
    /// <summary>Says what is wrong and what to do.</summary>
    public LedgerException(string message) : base(message) { }

    /// <summary>Says what is wrong and what to do, and keeps the database's own error.</summary>
    public LedgerException(string message, Exception inner) : base(message, inner) { }
}
