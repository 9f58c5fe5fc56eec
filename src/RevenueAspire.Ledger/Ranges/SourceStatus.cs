using Npgsql;

namespace RevenueAspire.Ledger;

/// <summary>A source and its pending work, as of one moment.</summary>
/// <param name="Source">The source.</param>
/// <param name="HasFreeRange">An unfinished range has no owner, so <see cref="RangeClaims.TryTakeOverAsync"/> may take it over.</param>
/// <param name="HasFinishedRange">The first open range is merged, so <see cref="RangeClose.CloseAsync"/> will move the source.</param>
public readonly record struct SourceStatus(LedgerSource Source, bool HasFreeRange, bool HasFinishedRange)
{
    // One statement for a waiting processor, regardless of the number of open ranges. It locks and writes nothing.
    private const string Statement =
        $"""
        select {SourceRows.Columns},
          exists (select from event_range r where r.source_id = $1 and r.from_offset < $2 and {RangeClaims.Free} and not {RangeRows.Finished}),
          exists (select from event_range r where r.source_id = $1 and r.from_offset = s.applied_through and {RangeRows.Finished})
        from event_source s where source_id = $1
        """;

    /// <summary>Reads a source and its pending work, for a waiting processor. Returns null if the source is unknown.</summary>
    /// <param name="database">The ledger's database.</param>
    /// <param name="sourceId">The source.</param>
    /// <param name="before">Only free ranges that begin before this offset count.</param>
    /// <param name="lease">As in <see cref="RangeClaims.TryTakeOverAsync"/>.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static async Task<SourceStatus?> ReadAsync(
        NpgsqlDataSource database, Guid sourceId, long before, TimeSpan lease, CancellationToken cancellationToken)
    {
        await using var read = database.CreateCommand(Statement);
        read.Parameters.Add(WriteBatch.Parameter(sourceId));
        read.Parameters.Add(WriteBatch.Parameter(before));
        read.Parameters.Add(WriteBatch.Parameter(lease));
        await using var rows = await read.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        return await rows.ReadAsync(cancellationToken).ConfigureAwait(false)
            ? new SourceStatus(SourceRows.Read(rows), rows.GetBoolean(SourceRows.Count), rows.GetBoolean(SourceRows.Count + 1))
            : null;
    }
}
