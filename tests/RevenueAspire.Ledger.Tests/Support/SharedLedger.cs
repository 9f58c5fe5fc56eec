namespace RevenueAspire.Ledger.Tests;

/// <summary>One database for all tests of a class. The tests run one at a time.</summary>
public sealed class SharedLedger : IAsyncLifetime
{
    public LedgerDatabase Database { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Database = await LedgerDatabase.CreateAsync();

    public ValueTask DisposeAsync() => Database.DisposeAsync();
}
