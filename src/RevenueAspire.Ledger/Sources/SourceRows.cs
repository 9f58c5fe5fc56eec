using Npgsql;

namespace RevenueAspire.Ledger;

/// <summary>Reads rows of event_source.</summary>
internal static class SourceRows
{
    public const string Columns =
        "source_id, kind, name, generation, claimed_through, applied_through, lines_through, events_through, rejects_through, "
            + "length, tail_hash, content_id, types_hash, created_at";

    /// <summary>Number of <see cref="Columns"/>.</summary>
    public const int Count = 14;

    public static LedgerSource Read(NpgsqlDataReader row) => new(
        row.GetGuid(0),
        row.GetString(1) == "log" ? SourceKind.Log : SourceKind.File,
        row.GetString(2),
        row.GetInt32(3),
        row.GetInt64(4),
        row.GetInt64(5),
        row.GetInt64(6),
        row.GetInt64(7),
        row.GetInt64(8),
        row.GetInt64(9),
        row.GetFieldValue<byte[]>(10),
        row.GetGuid(11),
        row.GetFieldValue<byte[]>(12))
    {
        CreatedAt = row.GetFieldValue<DateTimeOffset>(13),
    };

    public static async Task<List<LedgerSource>> ListAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        var sources = new List<LedgerSource>();
        await using var rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            sources.Add(Read(rows));
        }

        return sources;
    }
}
