using System.Globalization;
using Npgsql;
using RevenueAspire.Postgres;

namespace RevenueAspire.Ledger;

/// <summary>Queries of the monitoring page. Thread-safe.</summary>
/// <remarks>Methods throw <see cref="NpgsqlException"/> if the database fails; see <see cref="DatabaseErrors"/>.</remarks>
public sealed class OverviewQueries(NpgsqlDataSource database)
{
    // Reads one row per source and no users: the statements that move applied_through also update the sums of the source.
    private const string Totals =
        """
        select coalesce(sum(revenue_through), 0)::text, coalesce(sum(events_through), 0)::bigint, coalesce(sum(rejects_through), 0)::bigint,
          (select count(distinct l.lease_owner)::integer
           from (select lease_owner, lease_until from event_source union all select lease_owner, lease_until from event_range) as l
           where l.lease_until > clock_timestamp())
        from event_source
        """;

    private const string Applied = "select source_id, applied_through from event_source where source_id = any ($1)";

    internal const string Latest =
        """
        select s.name, e."offset", case when e.range_id is null then e.line end, e.reason, e.beginning, e.rejected_at
        from (select * from rejected_event order by rejected_at desc, "offset" desc limit $1) as e left join event_source s using (source_id)
        order by e.rejected_at desc, e."offset" desc
        """;

    // Revenue has no index, because each update of a user would then also update the index. The scan uses one process, so it takes at most one core from
    // merges.
    private const string Bounds = "select set_config('statement_timeout', $1, true), set_config('max_parallel_workers_per_gather', '0', true)";

    private const string Top = "select u.user_id, u.revenue::text from users_revenue u order by u.revenue desc, u.user_id limit $1";

    /// <summary>Reads the overview in one round trip. The cost grows with the number of sources, not with users or events.</summary>
    /// <param name="sources">Sources to return an applied offset for.</param>
    /// <param name="rejects">Maximum number of latest rejected lines.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<LedgerOverview> ReadAsync(Guid[] sources, int rejects, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new(Totals),
                new(Applied) { Parameters = { WriteBatch.Parameter(sources) } },
                new(Latest) { Parameters = { WriteBatch.Parameter(rejects) } },
            },
        };
        await batch.PrepareNamedAsync(cancellationToken).ConfigureAwait(false);
        await using var rows = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await rows.ReadAsync(cancellationToken).ConfigureAwait(false);
        var (total, events, rejected, processors) = (rows.GetString(0), rows.GetInt64(1), rows.GetInt64(2), rows.GetInt32(3));
        await rows.NextResultAsync(cancellationToken).ConfigureAwait(false);
        var applied = new Dictionary<Guid, long>();
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            applied.Add(rows.GetGuid(0), rows.GetInt64(1));
        }

        await rows.NextResultAsync(cancellationToken).ConfigureAwait(false);
        var latest = new List<StoredReject>();
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            latest.Add(new StoredReject(
                rows.IsDBNull(0) ? null : rows.GetString(0), rows.GetInt64(1), rows.IsDBNull(2) ? null : rows.GetInt64(2),
                rows.GetString(3), rows.GetString(4), rows.GetDateTime(5)));
        }

        return new LedgerOverview(total, events, rejected, processors, applied, latest);
    }

    /// <summary>Finds the users with the highest revenue. It scans the whole table: call it rarely.</summary>
    /// <param name="count">Maximum number of users.</param>
    /// <param name="limit">Time limit of the scan; at least one millisecond.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>The users, highest revenue first; null if the scan exceeded the limit.</returns>
    public async Task<IReadOnlyList<UserBalance>?> FindTopUsersAsync(int count, TimeSpan limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, TimeSpan.FromMilliseconds(1));
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);

        // The batch is one transaction, and the settings of Bounds end with it. The client's time-out exceeds the server's limit.
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new(Bounds) { Parameters = { WriteBatch.Parameter(((long)limit.TotalMilliseconds).ToString(CultureInfo.InvariantCulture)) } },
                new(Top) { Parameters = { WriteBatch.Parameter(count) } },
            },
            Timeout = (int)limit.TotalSeconds + 5,
        };
        try
        {
            await using var rows = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await rows.NextResultAsync(cancellationToken).ConfigureAwait(false);
            var users = new List<UserBalance>();
            while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                users.Add(new UserBalance(rows.GetString(0), rows.GetString(1)));
            }

            return users;
        }
        catch (PostgresException slow) when (slow.SqlState == PostgresErrorCodes.QueryCanceled && !cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }
}
