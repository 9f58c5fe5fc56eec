using Npgsql;
using RevenueAspire.Postgres;

namespace RevenueAspire.Ledger;

/// <summary>Waits until the configured quorum of servers has all commits made so far (rules M7 and R1). Stateless, thread-safe.</summary>
/// <remarks>If a wait for standbys is cancelled, Postgres reports success with a warning, and the commit may be on one machine only. Standbys receive the
/// write-ahead log in order, so one later commit without that warning confirms all earlier commits.</remarks>
public static class ReplicationBarrier
{
    /// <summary>Commits, and waits for the quorum that the server's settings require. Without standbys this is one local commit.</summary>
    /// <param name="database">The ledger's database.</param>
    /// <param name="cancellationToken">Ends the wait. Earlier commits stay, but are unconfirmed.</param>
    /// <exception cref="UnconfirmedCommitException">The server ended the wait for its standbys. Transient.</exception>
    /// <exception cref="NpgsqlException">The database failed.</exception>
    public static async Task PassAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(database);
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        using var confirmation = new CommitConfirmation(connection);

        // A time-out would cancel the wait on the server.
        await using var command = new NpgsqlCommand(Replication.Barrier, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        confirmation.Require();
    }
}
