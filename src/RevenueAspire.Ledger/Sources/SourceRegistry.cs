using Npgsql;
using RevenueAspire.Postgres;

namespace RevenueAspire.Ledger;

/// <summary>Sources and their leases (rules M1, M2, M10, M11). Thread-safe. Each call is one short transaction.</summary>
/// <remarks>Methods throw <see cref="NpgsqlException"/> if the database fails; <see cref="DatabaseErrors.IsTransient"/> decides on a retry (M12). All methods
/// are safe to repeat.</remarks>
public sealed class SourceRegistry(NpgsqlDataSource database)
{
    /// <summary>Name of a file that was read from standard input. If the ledger knows a path for the same content, it keeps that path for
    /// <c>verify</c>.</summary>
    public const string NoPath = "-";

    private const string Find = $"select {SourceRows.Columns} from event_source where source_id = $1";

    /// <summary>Finds or creates the source of a log.</summary>
    /// <param name="logId">The log's id, which is also the id of the source.</param>
    /// <param name="name">Full path of the log's directory. If the log has moved, the ledger stores the new path.</param>
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

    /// <summary>Reads a source. Returns null if it is unknown.</summary>
    public async Task<LedgerSource?> FindAsync(Guid sourceId, CancellationToken cancellationToken)
    {
        await using var find = database.CreateCommand(Find);
        find.Parameters.Add(new() { Value = sourceId });
        return (await SourceRows.ListAsync(find, cancellationToken).ConfigureAwait(false)).SingleOrDefault();
    }

    /// <summary>Reads the applied offset of each source. The result omits unknown sources.</summary>
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

    /// <summary>Takes or renews the lease of a log (M3). It succeeds if the lease is free, the caller's, or ended by the database's clock. It also succeeds if
    /// the lease ends more than one lease length in the future.</summary>
    /// <param name="sourceId">The source. The result is false if it is unknown.</param>
    /// <param name="owner">The calling processor.</param>
    /// <param name="lease">Length from now. Use the same length in all processors. A lease only saves work; it protects nothing.</param>
    /// <param name="cancellationToken">Cancels before the commit only.</param>
    /// <returns>Whether the caller now has the lease, and the source's applied offset; null if the ledger does not know the source.</returns>
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

    /// <summary>Ends the lease if the owner holds it.</summary>
    public async Task ReleaseAsync(Guid sourceId, Guid owner, CancellationToken cancellationToken)
    {
        await using var release = database.CreateCommand(
            "update event_source set lease_owner = null, lease_until = null where source_id = $1 and lease_owner = $2");
        release.Parameters.Add(new() { Value = sourceId });
        release.Parameters.Add(new() { Value = owner });
        await release.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Counts the rows of <c>rejected_event</c> of a source before an offset. An operator may have deleted old rows.</summary>
    public async Task<long> CountRejectsAsync(Guid sourceId, long before, CancellationToken cancellationToken)
    {
        await using var count = database.CreateCommand("""select count(*) from rejected_event where source_id = $1 and "offset" < $2""");
        count.Parameters.Add(new() { Value = sourceId });
        count.Parameters.Add(new() { Value = before });
        return (long)(await count.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
    }

    /// <summary>Returns the lengths of all known digests up to a maximum. <see cref="ResolveFileAsync"/> needs the file's digests at these lengths.</summary>
    /// <returns>Distinct lengths in bytes, ascending.</returns>
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

    /// <summary>Finds the file by its content, creates its source, or records its growth, under one advisory lock (rule M10).</summary>
    /// <remarks>The longest known beginning of the file decides. If it is the whole file, the file is known. If it is the latest state of a content, the file
    /// has grown. If it is an older state, the file is a fork.</remarks>
    /// <param name="attempt">Random id, chosen by the caller (M1), the same in each repeat of the call. It becomes the id of a new source. A repeat after an
    /// error in doubt returns the result of the first attempt.</param>
    /// <param name="name">Full path without links, or <see cref="NoPath"/>. The ledger stores every path. The path becomes the source's name if the file has
    /// all known bytes of its content.</param>
    /// <param name="digests">Digests of the file at its length (the longest) and at each known shorter length.</param>
    /// <param name="cancellationToken">Cancels before the commit only.</param>
    /// <exception cref="ArgumentException">There is no digest, two have the same length, or one does not have 32 bytes. Or one has length 0: an empty file has
    /// no content to identify it by.</exception>
    public Task<FileResolution> ResolveFileAsync(Guid attempt, string name, IReadOnlyList<FileDigest> digests, CancellationToken cancellationToken) =>
        new FileResolver(database).ResolveAsync(attempt, name, digests, cancellationToken);

    /// <summary>Returns the length of the longest known digest among these, or null. Changes nothing.</summary>
    public Task<long?> FindKnownBeginningAsync(IReadOnlyList<FileDigest> digests, CancellationToken cancellationToken) =>
        new FileResolver(database).FindBeginningAsync(digests, cancellationToken);

    /// <summary>Starts the next generation of a file's content (--again). The ledger must know exactly this digest.</summary>
    /// <param name="id">Random id of the new generation, chosen by the caller (M1). After an error in doubt, repeat the call with the same id: it starts only
    /// one generation.</param>
    /// <param name="name">Full path.</param>
    /// <param name="digest">Length and digest of the whole file.</param>
    /// <param name="cancellationToken">Cancels before the commit only.</param>
    /// <exception cref="InvalidOperationException">The ledger does not know the digest.</exception>
    public Task<LedgerSource> StartNextGenerationAsync(Guid id, string name, FileDigest digest, CancellationToken cancellationToken) =>
        new FileResolver(database).StartNextGenerationAsync(id, name, digest, cancellationToken);
}
