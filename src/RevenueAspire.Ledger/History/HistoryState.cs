namespace RevenueAspire.Ledger;

/// <summary>State of a ledger's history.</summary>
/// <param name="Id">Random id, created with the history.</param>
/// <param name="StartedAt">Start of the history. Events applied since then have rows.</param>
/// <param name="KeptAt">End of the history by <c>history keep</c>; its rows stay for SQL. Null if processors still write it.</param>
/// <param name="RetainedFrom">Start of the oldest rows; null if retention has dropped none.</param>
public sealed record HistoryState(Guid Id, DateTime StartedAt, DateTime? KeptAt, DateTime? RetainedFrom)
{
    /// <summary>Whether processors must write the history.</summary>
    public bool IsEnabled => KeptAt is null;
}
