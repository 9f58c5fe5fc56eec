namespace RevenueAspire.Ledger;

/// <summary>The ledger cannot work with the state of the database. The message is one line for people.</summary>
public sealed class LedgerException : Exception
{
    /// <summary>Creates the exception with a message that names the fault and its repair.</summary>
    public LedgerException(string message) : base(message) { }

    /// <summary>Creates the exception with a message that names the fault and its repair, and with the database's error.</summary>
    public LedgerException(string message, Exception inner) : base(message, inner) { }
}
