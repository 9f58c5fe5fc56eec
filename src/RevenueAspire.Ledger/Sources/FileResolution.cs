namespace RevenueAspire.Ledger;

/// <summary>Length and digest of a file's beginning.</summary>
public readonly record struct FileDigest(long Length, ReadOnlyMemory<byte> Sha256);

/// <summary>How a file's content compares with the known contents (rule M10).</summary>
public enum FileMatch
{
    /// <summary>Never seen: a source was created.</summary>
    New,

    /// <summary>Seen, and longer now: goes on at the newest known length.</summary>
    Grown,

    /// <summary>Seen with exactly this content (or an earlier state of it): nothing new to claim, though an earlier run may be unfinished.</summary>
    Known,

    /// <summary>Continues known content differently: refused.</summary>
    Fork,
}

/// <summary>How a file was found.</summary>
/// <param name="Match">See <see cref="FileMatch"/>.</param>
/// <param name="Sources">Generations of this content in order; those with AppliedThrough below Length are to be completed. Empty for a fork.</param>
/// <param name="ForkOf">For a fork: name of the source whose content it continues differently, else null.</param>
/// <param name="MissingLengths">Not null: digests at these lengths are needed too (a source was added meanwhile); ask again with them.</param>
public sealed record FileResolution(FileMatch Match, IReadOnlyList<LedgerSource> Sources, string? ForkOf, IReadOnlyList<long>? MissingLengths = null)
{
    /// <summary>All known lengths of the content, ascending: each ends a line for every reader, even without a newline at that offset (rule M9).</summary>
    public IReadOnlyList<long> Lengths { get; init; } = [];
}
