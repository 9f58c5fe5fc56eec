namespace RevenueAspire.Ledger;

/// <summary>The database holds something the ledger cannot work with; one line for people.</summary>
public sealed class LedgerException : Exception
{
    /// <summary>Creates it with the fault and its repair.</summary>
    public LedgerException(string message) : base(message) { }

    /// <summary>Creates it with the fault and its repair, and keeps the database's error.</summary>
    public LedgerException(string message, Exception inner) : base(message, inner) { }
}
