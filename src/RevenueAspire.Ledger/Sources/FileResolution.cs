namespace RevenueAspire.Ledger;

/// <summary>The SHA-256 of a file's first <paramref name="Length"/> bytes.</summary>
public readonly record struct FileDigest(long Length, ReadOnlyMemory<byte> Sha256);

/// <summary>How a file's content compares with the known contents (rule M10).</summary>
public enum FileMatch
{
    /// <summary>The content is new: a source was created.</summary>
    New,

    /// <summary>The file extends known content: counting continues at the latest known length.</summary>
    Grown,

    /// <summary>The content is known, or is an earlier state of known content. There is nothing new to claim, but an earlier run may be unfinished.</summary>
    Known,

    /// <summary>The file starts like known content but continues differently: it is refused.</summary>
    Fork,
}

/// <summary>The result of comparing a file with the known contents.</summary>
/// <param name="Match">See <see cref="FileMatch"/>.</param>
/// <param name="Sources">Generations of this content in order. Those with AppliedThrough below Length are incomplete. Empty for a fork.</param>
/// <param name="ForkOf">For a fork: name of the source with the same beginning; otherwise null.</param>
/// <param name="MissingLengths">If not null, there is no result yet: another processor has added a source. Call again with digests at these lengths,
/// too.</param>
public sealed record FileResolution(FileMatch Match, IReadOnlyList<LedgerSource> Sources, string? ForkOf, IReadOnlyList<long>? MissingLengths = null)
{
    /// <summary>All known lengths of the content, ascending. Every reader ends a line at each of them, even without a newline there (rule M9).</summary>
    public IReadOnlyList<long> Lengths { get; init; } = [];
}
