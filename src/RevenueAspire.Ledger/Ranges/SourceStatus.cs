using Npgsql;

namespace RevenueAspire.Ledger;

/// <summary>A source and its pending work, as of one moment.</summary>
/// <param name="Source">The source.</param>
/// <param name="HasFreeRange">Some range is unfinished and no processor holds it: <see cref="RangeClaims.TryTakeOverAsync"/> may get it.</param>
/// <param name="HasFinishedRange">The first open range is merged: <see cref="RangeClose.CloseAsync"/> moves the source.</param>
public readonly record struct SourceStatus(LedgerSource Source, bool HasFreeRange, bool HasFinishedRange)
{
    // One read for a waiting processor, however many ranges are open: it locks and writes nothing.
    private const string Statement =
        $"""
        select {SourceRows.Columns},
          exists (select from event_range r where r.source_id = $1 and r.from_offset < $2 and {RangeClaims.Free} and not {RangeRows.Finished}),
          exists (select from event_range r where r.source_id = $1 and r.from_offset = s.applied_through and {RangeRows.Finished})
        from event_source s where source_id = $1
        """;

    /// <summary>Reads a source and whether there is anything to do in it, in one statement that writes nothing: for a processor that waits. Null when the
    /// source is unknown.</summary>
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
