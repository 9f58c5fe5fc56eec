namespace RevenueAspire.EventLog;

/// <summary>What a receipt names.</summary>
public enum ReceiptLookup
{
    /// <summary>A log that is not known here.</summary>
    OtherLog,

    /// <summary>A place of a known log at which no record begins.</summary>
    NoRecord,

    /// <summary>A record, durable; retention may have removed it since, once the ledger had it.</summary>
    Record,
}
