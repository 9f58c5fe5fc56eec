namespace RevenueAspire.Ledger;

/// <summary>The history that a ledger has.</summary>
/// <param name="Id">Random, made with the history.</param>
/// <param name="StartedAt">Events applied since then have rows.</param>
/// <param name="KeptAt">Not null: it ended then, and its rows stay for SQL.</param>
/// <param name="RetainedFrom">Start of the oldest rows, after retention dropped older ones; null: none were dropped.</param>
public sealed record HistoryState(Guid Id, DateTime StartedAt, DateTime? KeptAt, DateTime? RetainedFrom)
{
    /// <summary>Every processor must write it.</summary>
    public bool IsEnabled => KeptAt is null;
}
