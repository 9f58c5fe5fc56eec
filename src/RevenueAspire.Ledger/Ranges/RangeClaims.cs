using Npgsql;

namespace RevenueAspire.Ledger;

/// <summary>Claims and leases of ranges (M3). A lease saves work; only compare-and-set protects.</summary>
public static class RangeClaims
{
    /// <summary>Ranges of one source that may be open (not closed) at once; the rest of a range that ended early may come on top.</summary>
    public const int MaxOpenRanges = 64;

    // The source's row is locked, so this count cannot change before the commit.
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

    /// <summary>True in SQL for a range <c>r</c> whose lease may be taken; $3 is the lease's length.</summary>
    internal const string Free = "(r.lease_owner is null or r.lease_until <= clock_timestamp() or r.lease_until > clock_timestamp() + $3)";

    // Touches one row of event_range and nothing else, so it needs no lock on the source; it skips a range that another processor is taking. Writes nothing
    // when no range is free.
    private const string TakeOver =
        $"""
        update event_range u set lease_owner = $2, lease_until = clock_timestamp() + $3
        from (select r.range_id from event_range r where r.source_id = $1 and r.from_offset < $4 and {Free} and not {RangeRows.Finished}
              order by r.from_offset limit 1 for update of r skip locked) as free
        where u.range_id = free.range_id
        returning u.range_id
        """;

    /// <summary>Claims [from, to) by compare-and-set on claimed_through; null when another processor was faster or too many ranges are open.</summary>
    /// <param name="database">The ledger's database.</param>
    /// <param name="sourceId">The source.</param>
    /// <param name="from">Where claimed_through stands: the beginning of a line.</param>
    /// <param name="to">The beginning of a line, or the source's end, when its last line is complete or counted as it is.</param>
    /// <param name="owner">The claiming processor.</param>
    /// <param name="lease">Length from now; all processors should use the same.</param>
    /// <param name="cancellationToken">Cancels. A claim whose answer is lost may stand: it is taken over when its lease ends.</param>
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

    /// <summary>Takes over the first unfinished range of a source whose lease is free, ended, or ends too far ahead; null when there is none.</summary>
    /// <remarks>A fully merged range is not unfinished: any processor may call <see cref="RangeClose.CloseAsync"/> for it.</remarks>
    /// <param name="database">The ledger's database.</param>
    /// <param name="sourceId">The source.</param>
    /// <param name="owner">The processor that takes over.</param>
    /// <param name="lease">As in <see cref="TryClaimAsync"/>.</param>
    /// <param name="before">Only ranges that begin before this offset, the end of the source as the caller can read it.</param>
    /// <param name="cancellationToken">Cancels. A range whose answer is lost is taken over when its lease ends.</param>
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

        // Read after the take-over: its watermarks may have moved until then, and the range may even be closed by now.
        await using var find = new NpgsqlCommand($"{RangeRows.Select} where r.range_id = $1", connection) { Parameters = { WriteBatch.Parameter(taken) } };
        return await RangeRows.SingleAsync(find, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Renews the lease of a range; false when it now belongs to another processor or is gone.</summary>
    public static async Task<bool> TryRenewAsync(NpgsqlDataSource database, Guid rangeId, Guid owner, TimeSpan lease, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(lease, TimeSpan.Zero);
        await using var renew = database.CreateCommand("update event_range set lease_until = clock_timestamp() + $3 where range_id = $1 and lease_owner = $2");
        renew.Parameters.Add(WriteBatch.Parameter(rangeId));
        renew.Parameters.Add(WriteBatch.Parameter(owner));
        renew.Parameters.Add(WriteBatch.Parameter(lease));
        return await renew.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false) == 1;
    }

    /// <summary>Gives a range back so that another may take it at once.</summary>
    public static async Task ReleaseAsync(NpgsqlDataSource database, Guid rangeId, Guid owner, CancellationToken cancellationToken)
    {
        await using var release = database.CreateCommand(
            "update event_range set lease_owner = null, lease_until = null where range_id = $1 and lease_owner = $2");
        release.Parameters.Add(WriteBatch.Parameter(rangeId));
        release.Parameters.Add(WriteBatch.Parameter(owner));
        await release.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Reads a range with its parts again; null when it is closed (gone).</summary>
    public static async Task<EventRange?> FindAsync(NpgsqlDataSource database, Guid rangeId, CancellationToken cancellationToken)
    {
        await using var find = database.CreateCommand($"{RangeRows.Select} where r.range_id = $1");
        find.Parameters.Add(WriteBatch.Parameter(rangeId));
        return await RangeRows.SingleAsync(find, cancellationToken).ConfigureAwait(false);
    }
}
