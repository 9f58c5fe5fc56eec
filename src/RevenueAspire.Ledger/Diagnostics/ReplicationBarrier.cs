using Npgsql;
using RevenueAspire.Postgres;

namespace RevenueAspire.Ledger;

/// <summary>Waits until the configured quorum of servers has applied events (rules M7 and R1). Stateless, thread-safe.</summary>
/// <remarks>If a wait for standbys is cancelled, Postgres reports success with a warning, and the commit may be on one machine only. Standbys receive the
/// write-ahead log in order, so one later commit without that warning confirms all earlier commits of the same server. After a failover, the new primary may
/// lack them. So the transaction of that commit first reads the state to confirm.</remarks>
public static class ReplicationBarrier
{
    private const string CountApplied =
        """
        select count(*) from unnest($1::uuid[], $2::bigint[]) as a (source_id, through) join event_source s using (source_id)
        where s.applied_through >= a.through
        """;

    /// <summary>Commits, and waits for the quorum that the server's settings require. Without standbys this is one local commit.</summary>
    /// <param name="database">The ledger's database.</param>
    /// <param name="applied">Sources, each with the offset up to which the ledger had applied it.</param>
    /// <param name="cancellationToken">Ends the wait. Earlier commits stay, but are unconfirmed.</param>
    /// <returns>False if a failover has undone a part: apply the sources again.</returns>
    /// <exception cref="UnconfirmedCommitException">The server ended the wait for its standbys. Transient.</exception>
    /// <exception cref="NpgsqlException">The database failed.</exception>
    public static async Task<bool> PassAsync(
        NpgsqlDataSource database, IReadOnlyCollection<(Guid SourceId, long Through)> applied, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(database);
        ArgumentNullException.ThrowIfNull(applied);
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        using var confirmation = new CommitConfirmation(connection);

        // A time-out would cancel the wait on the server.
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new(CountApplied)
                {
                    Parameters =
                    {
                        WriteBatch.Parameter(applied.Select(source => source.SourceId).ToArray()),
                        WriteBatch.Parameter(applied.Select(source => source.Through).ToArray()),
                    },
                },
                new(Replication.Barrier),
            },
            Timeout = 0,
        };
        var found = await batch.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
        confirmation.Require();
        return found is long count && count == applied.Count;
    }
}
