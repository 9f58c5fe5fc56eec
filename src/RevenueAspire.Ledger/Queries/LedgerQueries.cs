using System.Buffers;
using Npgsql;
using RevenueAspire.Postgres;

namespace RevenueAspire.Ledger;

/// <summary>Queries of the API. Thread-safe. Each call is one round trip on a pooled connection; the first call on a connection needs two.</summary>
/// <remarks>Methods throw <see cref="NpgsqlException"/> if the database fails; see <see cref="DatabaseErrors"/>.</remarks>
public sealed class LedgerQueries(NpgsqlDataSource database)
{
    /// <summary>Returns a user's revenue as a JSON number of any size, or null if the table has no such user.</summary>
    /// <param name="userId">The user id. The result is null for an id that Postgres cannot store (with U+0000 or a lone surrogate).</param>
    /// <param name="cancellationToken">Cancels the query.</param>
    public async Task<string?> FindRevenueAsync(string userId, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(userId);
        return CanBeStored(userId)
            ? (string?)await ScalarAsync("select revenue::text from users_revenue where user_id = $1", cancellationToken, userId).ConfigureAwait(false)
            : null;
    }

    /// <summary>Returns a user's revenue with the sums of every watermark that was visible before the call (read your own writes).</summary>
    /// <remarks>Only a distributed ledger needs a wait: <see cref="DistributedLedger.SettleAsync(NpgsqlConnection, string, CancellationToken)"/>.</remarks>
    public async Task<string?> FindSettledRevenueAsync(string userId, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(userId);
        if (CanBeStored(userId))
        {
            await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            if (await DistributedLedger.IsDistributedAsync(connection, cancellationToken).ConfigureAwait(false))
            {
                await DistributedLedger.SettleAsync(connection, userId, cancellationToken).ConfigureAwait(false);
            }
        }

        return await FindRevenueAsync(userId, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Returns the applied offset of a source, or null if the ledger does not know the source yet.</summary>
    /// <remarks>In a distributed ledger the sums may follow a moment later: see <see cref="FindSettledRevenueAsync"/>.</remarks>
    public async Task<long?> FindAppliedThroughAsync(Guid sourceId, CancellationToken cancellationToken) =>
        (long?)await ScalarAsync("select applied_through from event_source where source_id = $1", cancellationToken, sourceId).ConfigureAwait(false);

    /// <summary>Returns the reason why the record at this offset was rejected, or null if it was not rejected.</summary>
    public async Task<string?> FindRejectReasonAsync(Guid sourceId, long offset, CancellationToken cancellationToken) =>
        (string?)await ScalarAsync(
            """select reason from rejected_event where source_id = $1 and "offset" = $2""", cancellationToken, sourceId, offset).ConfigureAwait(false);

    private async Task<object?> ScalarAsync(string sql, CancellationToken cancellationToken, params object[] parameters)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (var value in parameters)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        }

        // Planned once per connection: a pooled connection keeps its prepared statements.
        await command.PrepareNamedAsync(cancellationToken).ConfigureAwait(false);
        return await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
    }

    private static bool CanBeStored(ReadOnlySpan<char> text)
    {
        while (!text.IsEmpty)
        {
            if (System.Text.Rune.DecodeFromUtf16(text, out var rune, out var consumed) != OperationStatus.Done || rune.Value == 0)
            {
                return false;
            }

            text = text[consumed..];
        }

        return true;
    }
}
