using Npgsql;

namespace RevenueAspire.Ledger;

/// <summary>Sources, open ranges and balances as of one moment: a REPEATABLE READ transaction (rule M13). Not thread-safe.</summary>
public sealed class LedgerSnapshot : IAsyncDisposable
{
    private LedgerSnapshot() { }

    /// <summary>Opens the snapshot on a connection of its own.</summary>
    public static Task<LedgerSnapshot> OpenAsync(NpgsqlDataSource database, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>All sources.</summary>
    public IReadOnlyList<EventSource> Sources => throw new NotImplementedException();

    /// <summary>Frozen ranges that are not folded: users up to each part's watermark are in the balances.</summary>
    public IReadOnlyList<EventRange> FrozenRanges => throw new NotImplementedException();

    /// <summary>Streams all balances in order of user id bytes: (UTF-8 user id, revenue as decimal digits).</summary>
    public IAsyncEnumerable<(byte[] UserId, System.Numerics.BigInteger Revenue)> ReadBalancesAsync(CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => throw new NotImplementedException();
}
