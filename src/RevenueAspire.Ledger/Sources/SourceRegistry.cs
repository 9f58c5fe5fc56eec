using Npgsql;
using RevenueAspire.Postgres;

namespace RevenueAspire.Ledger;

/// <summary>Sources and their leases (rules M1, M2, M10, M11). Thread-safe. Every call is one short transaction.</summary>
/// <remarks>Methods throw <see cref="NpgsqlException"/> as Postgres gives it; <see cref="DatabaseErrors.IsTransient"/> decides on a retry (M12). Each is safe
/// to repeat.</remarks>
public sealed class SourceRegistry(NpgsqlDataSource database)
{
    /// <summary>Name of a file that was read from standard input. A path that is known for the same content is kept in its place: <c>verify</c> can look
    /// there.</summary>
    public const string NoPath = "-";

    private const string Find = $"select {SourceRows.Columns} from event_source where source_id = $1";

    /// <summary>Finds or makes the source of a log; its id is the log's id.</summary>
    /// <param name="logId">The log's id.</param>
    /// <param name="name">Full path of its directory; the stored one follows when the log has moved.</param>
    /// <param name="cancellationToken">Cancels before the commit only.</param>
    public async Task<LedgerSource> OpenLogAsync(Guid logId, string name, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (await FindAsync(logId, cancellationToken).ConfigureAwait(false) is { } known && known.Name == name)
        {
            return known;
        }

        await using var open = database.CreateCommand(
            $"""
            insert into event_source (source_id, kind, name, content_id, generation, length) values ($1, 'log', $2, $1, 1, 0)
            on conflict (source_id) do update set name = excluded.name
            returning {SourceRows.Columns}
            """);
        open.Parameters.Add(new() { Value = logId });
        open.Parameters.Add(new() { Value = name });
        return (await SourceRows.ListAsync(open, cancellationToken).ConfigureAwait(false)).Single();
    }

    /// <summary>Reads a source; null when unknown.</summary>
    public async Task<LedgerSource?> FindAsync(Guid sourceId, CancellationToken cancellationToken)
    {
        await using var find = database.CreateCommand(Find);
        find.Parameters.Add(new() { Value = sourceId });
        return (await SourceRows.ListAsync(find, cancellationToken).ConfigureAwait(false)).SingleOrDefault();
    }

    /// <summary>Reads the offset through which each source is in the ledger; unknown sources are left out.</summary>
    public async Task<Dictionary<Guid, long>> FindAppliedThroughAsync(Guid[] sourceIds, CancellationToken cancellationToken)
    {
        await using var find = database.CreateCommand("select source_id, applied_through from event_source where source_id = any ($1)");
        find.Parameters.Add(new() { Value = sourceIds });
        await using var rows = await find.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var applied = new Dictionary<Guid, long>();
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            applied.Add(rows.GetGuid(0), rows.GetInt64(1));
        }

        return applied;
    }

    /// <summary>Takes or renews the lease of a log: succeeds for the owner, when it is free, when it ended (database clock), or when it ends more than one
    /// lease length ahead (M3).</summary>
    /// <param name="sourceId">The source; false when it is unknown.</param>
    /// <param name="owner">The calling processor.</param>
    /// <param name="lease">Length from now; all processors should use the same. A lease saves work; it protects nothing.</param>
    /// <param name="cancellationToken">Cancels before the commit only.</param>
    /// <returns>Whether the owner has the lease now, and where the source stands; null when the ledger does not know it.</returns>
    public async Task<(bool IsHeld, long? AppliedThrough)> TryLeaseAsync(Guid sourceId, Guid owner, TimeSpan lease, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(lease, TimeSpan.Zero);
        await using var take = database.CreateCommand(
            """
            with taken as (
              update event_source set lease_owner = $2, lease_until = clock_timestamp() + $3
              where source_id = $1 and (lease_owner is null or lease_owner = $2 or lease_until <= clock_timestamp() or lease_until > clock_timestamp() + $3)
              returning 1)
            select exists (select from taken), (select applied_through from event_source where source_id = $1)
            """);
        take.Parameters.Add(new() { Value = sourceId });
        take.Parameters.Add(new() { Value = owner });
        take.Parameters.Add(new() { Value = lease });
        await using var rows = await take.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await rows.ReadAsync(cancellationToken).ConfigureAwait(false);
        return (rows.GetBoolean(0), rows.IsDBNull(1) ? null : rows.GetInt64(1));
    }

    /// <summary>Gives the lease back, if held.</summary>
    public async Task ReleaseAsync(Guid sourceId, Guid owner, CancellationToken cancellationToken)
    {
        await using var release = database.CreateCommand(
            "update event_source set lease_owner = null, lease_until = null where source_id = $1 and lease_owner = $2");
        release.Parameters.Add(new() { Value = sourceId });
        release.Parameters.Add(new() { Value = owner });
        await release.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Rejected lines of a source that begin before an offset, as far as <c>rejected_event</c> still has them.</summary>
    public async Task<long> CountRejectsAsync(Guid sourceId, long before, CancellationToken cancellationToken)
    {
        await using var count = database.CreateCommand("""select count(*) from rejected_event where source_id = $1 and "offset" < $2""");
        count.Parameters.Add(new() { Value = sourceId });
        count.Parameters.Add(new() { Value = before });
        return (long)(await count.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
    }

    /// <summary>Lengths at which digests of known files exist, up to a length: the digests that <see cref="ResolveFileAsync"/> wants.</summary>
    /// <returns>Bytes, ascending, each once.</returns>
    public async Task<IReadOnlyList<long>> KnownLengthsAsync(long maxLength, CancellationToken cancellationToken)
    {
        await using var read = database.CreateCommand("select distinct length from event_source_digest where length <= $1 order by length");
        read.Parameters.Add(new() { Value = maxLength });
        await using var rows = await read.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var lengths = new List<long>();
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            lengths.Add(rows.GetInt64(0));
        }

        return lengths;
    }

    /// <summary>Finds the file by content, or creates its source, or records its growth: under one advisory lock (rule M10).</summary>
    /// <remarks>The longest known beginning of the file decides: the whole file, it is known; a content's newest state, it has grown; an older state, it is a
    /// fork.</remarks>
    /// <param name="attempt">Made by the caller (M1), the same for each repeat of the call: becomes the id of a new source, and one that is repeated after an
    /// error in doubt answers as the first try did.</param>
    /// <param name="name">Full path without links, or <see cref="NoPath"/>. Each path is remembered. It becomes the source's name when the file holds all that
    /// is known of its content.</param>
    /// <param name="digests">Digests of the file at its length (the longest) and at each known shorter length.</param>
    /// <param name="cancellationToken">Cancels before the commit only.</param>
    /// <exception cref="ArgumentException">No digest, two of one length, one of length 0 (an empty file has no content to be known by), or one that is not 32
    /// bytes.</exception>
    public Task<FileResolution> ResolveFileAsync(Guid attempt, string name, IReadOnlyList<FileDigest> digests, CancellationToken cancellationToken) =>
        new FileResolver(database).ResolveAsync(attempt, name, digests, cancellationToken);

    /// <summary>The longest of these digests that is known, or null; changes nothing.</summary>
    public Task<long?> FindKnownBeginningAsync(IReadOnlyList<FileDigest> digests, CancellationToken cancellationToken) =>
        new FileResolver(database).FindBeginningAsync(digests, cancellationToken);

    /// <summary>Starts the next generation of a file's content (--again), which must be known with exactly this digest.</summary>
    /// <param name="id">Id of the new generation, made by the caller (M1): repeating the call with it, after an error in doubt, starts nothing twice.</param>
    /// <param name="name">Full path.</param>
    /// <param name="digest">Length and digest of the whole file.</param>
    /// <param name="cancellationToken">Cancels before the commit only.</param>
    /// <exception cref="InvalidOperationException">The content is not known with this digest.</exception>
    public Task<LedgerSource> StartNextGenerationAsync(Guid id, string name, FileDigest digest, CancellationToken cancellationToken) =>
        new FileResolver(database).StartNextGenerationAsync(id, name, digest, cancellationToken);
}
