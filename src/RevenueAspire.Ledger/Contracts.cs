namespace RevenueAspire.Ledger;

/// <summary>Users in ascending order of the bytes of their ids (the database's <c>COLLATE "C"</c>), each once, with the sum to add to their revenue.</summary>
/// <remarks>The ledger only reads it, from one thread at a time for a given index range.</remarks>
public interface ISortedDeltas
{
    /// <summary>Number of users.</summary>
    int Count { get; }

    /// <summary>UTF-8, 1 to 256 bytes.</summary>
    ReadOnlySpan<byte> UserId(int index);

    /// <summary>Sum of the user's events; may be zero (the user then still gets a row).</summary>
    Int128 Delta(int index);
}

/// <summary>A line that is not an event.</summary>
/// <param name="Offset">Byte offset of the line in its source.</param>
/// <param name="Line">Line number from 0, counted from the beginning of the range (made absolute, from 1, at the fold).</param>
/// <param name="Reason">One sentence for people.</param>
/// <param name="Beginning">The line's first bytes, at most 256; stored as text with invalid UTF-8 and U+0000 replaced.</param>
public sealed record RejectedLine(long Offset, long Line, string Reason, ReadOnlyMemory<byte> Beginning);

/// <summary>What a source is.</summary>
public enum SourceKind
{
    Log,
    File,
}

/// <summary>A row of <c>event_source</c>: a log, or one generation of a file's content.</summary>
/// <param name="Id">The log's id, or a random uuid.</param>
/// <param name="Kind">Log or file.</param>
/// <param name="Name">Full path as last seen, for people and for verify.</param>
/// <param name="Generation">1, or more where a file was counted again on purpose.</param>
/// <param name="ClaimedThrough">Bytes before this offset are claimed by some range, or applied.</param>
/// <param name="AppliedThrough">Bytes before this offset are in the ledger.</param>
/// <param name="LinesThrough">Lines before AppliedThrough.</param>
/// <param name="EventsThrough">Events before AppliedThrough.</param>
/// <param name="RejectsThrough">Rejected lines before AppliedThrough.</param>
/// <param name="Length">File: the newest known length, up to which the file is to be applied. Log: 0.</param>
/// <param name="TailHash">SHA-256 of the last up to 4096 bytes before AppliedThrough (rule M11), empty at 0.</param>
public sealed record EventSource(
    Guid Id, SourceKind Kind, string Name, int Generation, long ClaimedThrough, long AppliedThrough,
    long LinesThrough, long EventsThrough, long RejectsThrough, long Length, ReadOnlyMemory<byte> TailHash);

/// <summary>A row of <c>event_range</c> that this owner holds.</summary>
/// <param name="Id">Random uuid made by the claimer.</param>
/// <param name="SourceId">The source.</param>
/// <param name="From">First byte: the beginning of a line.</param>
/// <param name="To">End as claimed: the beginning of a line, or the source's end. Once frozen: the frozen end.</param>
/// <param name="Frozen">What was frozen before the first merge, or null: then nothing of it is merged.</param>
public sealed record EventRange(Guid Id, Guid SourceId, long From, long To, FrozenRange? Frozen);

/// <summary>What rule M4 fixes before a range's first merge. A taker-over must find the same hashes, and adopts end and slices.</summary>
/// <param name="End">Exclusive end: the beginning of a line, or the source's end; at most the claimed end.</param>
/// <param name="BytesHash">SHA-256 of the source's bytes from From to End.</param>
/// <param name="TypesHash">Fingerprint of the event types and the parser's version.</param>
/// <param name="Lines">Lines in the range.</param>
/// <param name="Events">Events in the range.</param>
/// <param name="Rejects">Rejected lines in the range.</param>
/// <param name="LastRejectOffset">Offset of the last rejected line, or -1: rejects are merged when their watermark stands there.</param>
/// <param name="RejectsMergedThrough">Watermark of the rejects: offset of the last merged one, or -1 (ignored when freezing).</param>
/// <param name="Parts">Contiguous slices of users in key order.</param>
public sealed record FrozenRange(
    long End, ReadOnlyMemory<byte> BytesHash, ReadOnlyMemory<byte> TypesHash, long Lines, long Events, long Rejects,
    long LastRejectOffset, long RejectsMergedThrough, IReadOnlyList<RangePart> Parts);

/// <summary>A slice of a range's users.</summary>
/// <param name="Index">From 0.</param>
/// <param name="UpperKey">Last user id of the slice; the slice is merged when the watermark equals it.</param>
/// <param name="MergedThrough">Watermark: the last merged user id, empty before the first batch (ignored when freezing).</param>
public sealed record RangePart(int Index, ReadOnlyMemory<byte> UpperKey, ReadOnlyMemory<byte> MergedThrough);

/// <summary>What a fold moved.</summary>
/// <param name="AppliedThrough">The source's applied offset now.</param>
/// <param name="OpenRanges">Ranges of the source that are not folded yet.</param>
public readonly record struct FoldResult(long AppliedThrough, int OpenRanges);

/// <summary>Length and digest of a file's beginning.</summary>
public readonly record struct FileDigest(long Length, ReadOnlyMemory<byte> Sha256);

/// <summary>What is known of a file's content (rule M10).</summary>
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
public sealed record FileResolution(FileMatch Match, IReadOnlyList<EventSource> Sources, string? ForkOf, IReadOnlyList<long>? MissingLengths = null);
