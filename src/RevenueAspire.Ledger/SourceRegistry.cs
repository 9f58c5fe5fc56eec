using Npgsql;

namespace RevenueAspire.Ledger;

/// <summary>Sources and their leases (rules M1, M2, M10, M11). Thread-safe. Every call is one short transaction, synchronously committed.</summary>
/// <remarks>Methods throw <see cref="NpgsqlException"/> as Postgres gives it; <see cref="LedgerErrors.IsTransient"/> tells what to retry (M12). Each is safe to repeat.</remarks>
public sealed class SourceRegistry(NpgsqlDataSource database)
{
    /// <summary>Finds or makes the source of a log; its id is the log's id.</summary>
    public Task<EventSource> OpenLogAsync(Guid logId, string name, CancellationToken cancellationToken) => throw new NotImplementedException($"{database}");

    /// <summary>Reads a source; null when unknown.</summary>
    public Task<EventSource?> FindAsync(Guid sourceId, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Takes or renews the lease of a log: succeeds for the owner, when it is free, when it ended (database clock), or when it ends more than one lease length ahead (M3).</summary>
    public Task<bool> TryLeaseAsync(Guid sourceId, Guid owner, TimeSpan lease, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Gives the lease back, if held.</summary>
    public Task ReleaseAsync(Guid sourceId, Guid owner, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Lengths at which digests of known files exist, up to a length: the digests that <see cref="ResolveFileAsync"/> wants.</summary>
    public Task<IReadOnlyList<long>> KnownLengthsAsync(long maxLength, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Finds the file by content, or creates its source, or records its growth: under one advisory lock (rule M10).</summary>
    /// <param name="name">Full path.</param>
    /// <param name="digests">Digests of the file at its length (the longest) and at each known shorter length.</param>
    /// <param name="cancellationToken">Cancels before the commit only.</param>
    public Task<FileResolution> ResolveFileAsync(string name, IReadOnlyList<FileDigest> digests, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Starts the next generation of a file's content (--again), which must be known with exactly this digest.</summary>
    public Task<EventSource> StartNextGenerationAsync(string name, FileDigest digest, CancellationToken cancellationToken) => throw new NotImplementedException();
}
