using System.Globalization;
using System.Numerics;
using Npgsql;

namespace RevenueAspire.Ledger;

/// <summary>Reads rows of event_range with their parts.</summary>
internal static class RangeRows
{
    // Returns one row per range, with its parts as parallel, ordered arrays. So one statement reads a whole range, in one snapshot.
    public const string Select =
        """
        select r.range_id, r.source_id, r.from_offset, coalesce(r.end_fixed, r.claimed_end), r.end_fixed is not null, r.bytes_hash, r.types_hash,
          r.lines, r.events, r.rejects, r.last_reject_offset, r.rejects_merged_through,
          array(select p.upper_key from event_part p where p.range_id = r.range_id order by p.part_index),
          array(select p.merged_through from event_part p where p.range_id = r.range_id order by p.part_index),
          r.revenue::text
        from event_range r
        """;

    /// <summary>SQL condition: range <c>r</c> is fully merged, and only its close is missing.</summary>
    public const string Finished =
        """
        (r.end_fixed is not null and r.rejects_merged_through >= r.last_reject_offset
          and not exists (select from event_part p where p.range_id = r.range_id and p.merged_through <> p.upper_key))
        """;

    public static EventRange Read(NpgsqlDataReader row) => new(
        row.GetGuid(0), row.GetGuid(1), row.GetInt64(2), row.GetInt64(3), row.GetBoolean(4) ? ReadFrozen(row) : null);

    private static FrozenRange ReadFrozen(NpgsqlDataReader row)
    {
        // Read text as bytes, so that user ids never become strings.
        var upperKeys = row.GetFieldValue<byte[][]>(12);
        var mergedThrough = row.GetFieldValue<byte[][]>(13);
        return new FrozenRange(
            row.GetInt64(3), row.GetFieldValue<byte[]>(5), row.GetFieldValue<byte[]>(6), row.GetInt64(7), row.GetInt64(8), row.GetInt64(9),
            row.GetInt64(10), row.GetInt64(11),
            [.. upperKeys.Zip(mergedThrough, (upper, merged) => (upper, merged)).Select((part, index) => new RangePart(index, part.upper, part.merged))],
            BigInteger.Parse(row.GetString(14), CultureInfo.InvariantCulture));
    }

    public static async Task<EventRange?> SingleAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        await using var rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        return await rows.ReadAsync(cancellationToken).ConfigureAwait(false) ? Read(rows) : null;
    }
}
