using Npgsql;

namespace RevenueAspire.Processor.Tests.Support;

/// <summary>Inserts users in an open transaction, so a merge of one of them waits until the test releases it. The insert is finally rolled back.</summary>
internal sealed class HeldUsers : IAsyncDisposable
{
    private readonly NpgsqlConnection _connection;
    private readonly NpgsqlTransaction _transaction;

    private HeldUsers(NpgsqlConnection connection, NpgsqlTransaction transaction) => (_connection, _transaction) = (connection, transaction);

    public static async Task<HeldUsers> TakeAsync(LedgerFixture ledger, params string[] users)
    {
        var connection = await ledger.Database.OpenConnectionAsync();
        var transaction = await connection.BeginTransactionAsync();
        await using var insert = new NpgsqlCommand("insert into users_revenue select unnest($1), 0", connection) { Parameters = { new() { Value = users } } };
        await insert.ExecuteNonQueryAsync();
        return new HeldUsers(connection, transaction);
    }

    public Task ReleaseAsync() => _transaction.RollbackAsync();

    public async ValueTask DisposeAsync()
    {
        await _transaction.DisposeAsync();
        await _connection.DisposeAsync();
    }
}
