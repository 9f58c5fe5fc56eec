using System.Buffers;
using Npgsql;
using RevenueAspire.Postgres;

namespace RevenueAspire.Ledger;

/// <summary>Reads for the API. Thread-safe; each call is one round trip on a pooled connection (two the first time on it).</summary>
/// <remarks>Methods throw <see cref="NpgsqlException"/> as Postgres gives it; see <see cref="DatabaseErrors"/>.</remarks>
public sealed class LedgerQueries(NpgsqlDataSource database)
{
    /// <summary>A user's revenue as a JSON number (numeric never overflows), or null when the table has no such user.</summary>
    /// <param name="userId">The user id; one that no table can hold (U+0000, a lone surrogate) is not in it.</param>
    /// <param name="cancellationToken">Cancels the query.</param>
    public async Task<string?> FindRevenueAsync(string userId, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(userId);
        return CanBeStored(userId)
            ? (string?)await ScalarAsync("select revenue::text from users_revenue where user_id = $1", cancellationToken, userId).ConfigureAwait(false)
            : null;
    }

    /// <summary>The same, once all sums are there whose watermarks were visible before the call (read your own writes).</summary>
    /// <remarks>Only a distributed ledger has to wait: <see cref="DistributedLedger.SettleAsync(NpgsqlConnection, string, CancellationToken)"/>.</remarks>
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

    /// <summary>Offset through which a source is in the ledger; null when the ledger does not know it yet.</summary>
    /// <remarks>The sums of a distributed ledger may follow a moment later: <see cref="FindSettledRevenueAsync"/>.</remarks>
    public async Task<long?> FindAppliedThroughAsync(Guid sourceId, CancellationToken cancellationToken) =>
        (long?)await ScalarAsync("select applied_through from event_source where source_id = $1", cancellationToken, sourceId).ConfigureAwait(false);

    /// <summary>Why the record at this offset was rejected, or null.</summary>
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

        // Plans once a connection; the connection keeps the statement over its returns to the pool.
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
