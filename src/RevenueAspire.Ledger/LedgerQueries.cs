using Npgsql;

namespace RevenueAspire.Ledger;

/// <summary>Reads for the API. Thread-safe; each call is one round trip on a pooled connection.</summary>
public sealed class LedgerQueries(NpgsqlDataSource database)
{
    /// <summary>A user's revenue as a JSON number (numeric never overflows), or null when the table has no such user.</summary>
    public Task<string?> FindRevenueAsync(string userId, CancellationToken cancellationToken) => throw new NotImplementedException($"{database}");

    /// <summary>Offset through which a source is in the ledger; null when the ledger does not know it yet.</summary>
    public Task<long?> FindAppliedThroughAsync(Guid sourceId, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Why the record at this offset was rejected, or null.</summary>
    public Task<string?> FindRejectReasonAsync(Guid sourceId, long offset, CancellationToken cancellationToken) => throw new NotImplementedException();
}
