using Npgsql;

namespace RevenueAspire.Ledger;

/// <summary>Claims and leases of ranges (M3). A lease only saves work; compare-and-set protects the totals.</summary>
public static class RangeClaims
{
    /// <summary>Maximum number of open (unclosed) ranges of a source. The rest of a range that ended early may exceed it.</summary>
    public const int MaxOpenRanges = 64;

    // The transaction has locked the source's row, so the count cannot change before the commit.
    private const string Claim =
        """
        with moved as (
          update event_source set claimed_through = $3
          where source_id = $1 and claimed_through = $2 and (select count(*) from event_range where source_id = $1) < $7
          returning source_id
        ), made as (
          insert into event_range (range_id, source_id, from_offset, claimed_end, lease_owner, lease_until)
          select $4, moved.source_id, $2, $3, $5, clock_timestamp() + $6 from moved
        )
        select exists (select from moved)
        """;

    /// <summary>SQL condition: a processor may take the lease of range <c>r</c>. $3 is the length of a lease.</summary>
    internal const string Free = "(r.lease_owner is null or r.lease_until <= clock_timestamp() or r.lease_until > clock_timestamp() + $3)";

    // Changes only one row of event_range, so it needs no lock on the source. It skips a range that another processor is taking over, and writes nothing if
    // no range is free.
    private const string TakeOver =
        $"""
        update event_range u set lease_owner = $2, lease_until = clock_timestamp() + $3
        from (select r.range_id from event_range r where r.source_id = $1 and r.from_offset < $4 and {Free} and not {RangeRows.Finished}
              order by r.from_offset limit 1 for update of r skip locked) as free
        where u.range_id = free.range_id
        returning u.range_id
        """;

    /// <summary>Claims [from, to) by compare-and-set on claimed_through. Returns null if another processor was faster or too many ranges are open.</summary>
    /// <param name="database">The ledger's database.</param>
    /// <param name="sourceId">The source.</param>
    /// <param name="from">The expected value of claimed_through: the beginning of a line.</param>
    /// <param name="to">The beginning of a line, or the source's end if its last line is complete or counts without a newline.</param>
    /// <param name="owner">The claiming processor.</param>
    /// <param name="lease">Length of the lease from now. Use the same length in all processors.</param>
    /// <param name="cancellationToken">Cancels. If the answer is lost, the claim may exist: another processor takes it over after its lease ends.</param>
    public static async Task<EventRange?> TryClaimAsync(
        NpgsqlDataSource database, Guid sourceId, long from, long to, Guid owner, TimeSpan lease, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(to, from);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(lease, TimeSpan.Zero);
        var range = new EventRange(Guid.NewGuid(), sourceId, from, to, null);
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await using var batch = WriteBatch.Create(connection, lockedSource: sourceId);
        batch.BatchCommands.Add(new NpgsqlBatchCommand(Claim)
        {
            Parameters =
            {
                WriteBatch.Parameter(sourceId), WriteBatch.Parameter(from), WriteBatch.Parameter(to), WriteBatch.Parameter(range.Id),
                WriteBatch.Parameter(owner), WriteBatch.Parameter(lease), WriteBatch.Parameter(MaxOpenRanges),
            },
        });
        return await WriteBatch.ExecuteAsync(batch, cancellationToken).ConfigureAwait(false) ? range : null;
    }

    /// <summary>Takes over the source's first unfinished range with no lease, an ended one, or one that ends too far in the future. Returns null if there
    /// is none.</summary>
    /// <remarks>It ignores fully merged ranges: any processor may call <see cref="RangeClose.CloseAsync"/> for them.</remarks>
    /// <param name="database">The ledger's database.</param>
    /// <param name="sourceId">The source.</param>
    /// <param name="owner">The processor that takes over.</param>
    /// <param name="lease">As in <see cref="TryClaimAsync"/>.</param>
    /// <param name="before">The end of the source that the caller can read. Only ranges that begin before this offset count.</param>
    /// <param name="cancellationToken">Cancels. If the answer is lost, another processor takes the range over after its lease ends.</param>
    public static async Task<EventRange?> TryTakeOverAsync(
        NpgsqlDataSource database, Guid sourceId, Guid owner, TimeSpan lease, long before, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(lease, TimeSpan.Zero);
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await using var take = new NpgsqlCommand(TakeOver, connection)
        {
            Parameters = { WriteBatch.Parameter(sourceId), WriteBatch.Parameter(owner), WriteBatch.Parameter(lease), WriteBatch.Parameter(before) },
        };
        if (await take.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) is not Guid taken)
        {
            return null;
        }

        // Read the range after the take-over, because the previous owner may have moved its watermarks. The range may even be closed.
        await using var find = new NpgsqlCommand($"{RangeRows.Select} where r.range_id = $1", connection) { Parameters = { WriteBatch.Parameter(taken) } };
        return await RangeRows.SingleAsync(find, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Renews the lease of a range. Returns false if another processor has the range, or if it is closed.</summary>
    public static async Task<bool> TryRenewAsync(NpgsqlDataSource database, Guid rangeId, Guid owner, TimeSpan lease, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(lease, TimeSpan.Zero);
        await using var renew = database.CreateCommand("update event_range set lease_until = clock_timestamp() + $3 where range_id = $1 and lease_owner = $2");
        renew.Parameters.Add(WriteBatch.Parameter(rangeId));
        renew.Parameters.Add(WriteBatch.Parameter(owner));
        renew.Parameters.Add(WriteBatch.Parameter(lease));
        return await renew.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false) == 1;
    }

    /// <summary>Ends the lease of a range, so that another processor can take it over immediately.</summary>
    public static async Task ReleaseAsync(NpgsqlDataSource database, Guid rangeId, Guid owner, CancellationToken cancellationToken)
    {
        await using var release = database.CreateCommand(
            "update event_range set lease_owner = null, lease_until = null where range_id = $1 and lease_owner = $2");
        release.Parameters.Add(WriteBatch.Parameter(rangeId));
        release.Parameters.Add(WriteBatch.Parameter(owner));
        await release.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Reads a range with its parts. Returns null if the range is closed, because a close deletes it.</summary>
    public static async Task<EventRange?> FindAsync(NpgsqlDataSource database, Guid rangeId, CancellationToken cancellationToken)
    {
        await using var find = database.CreateCommand($"{RangeRows.Select} where r.range_id = $1");
        find.Parameters.Add(WriteBatch.Parameter(rangeId));
        return await RangeRows.SingleAsync(find, cancellationToken).ConfigureAwait(false);
    }
}
