using System.Numerics;

namespace RevenueAspire.Ledger;

/// <summary>A row of <c>event_range</c>.</summary>
/// <param name="Id">Random uuid, chosen by the claiming processor.</param>
/// <param name="SourceId">The source.</param>
/// <param name="From">Offset of the first byte: the beginning of a line.</param>
/// <param name="To">The claimed end: the beginning of a line, or the source's end. After the freeze: the frozen end.</param>
/// <param name="Frozen">The values that the freeze fixed; null before the freeze. Nothing is merged before the freeze.</param>
public sealed record EventRange(Guid Id, Guid SourceId, long From, long To, FrozenRange? Frozen);

/// <summary>The values that rule M4 fixes before a range's first merge. A processor that takes over adopts the end and the parts, and must compute the same
/// hashes.</summary>
/// <param name="End">Exclusive end: the beginning of a line, or the source's end; at most the claimed end.</param>
/// <param name="BytesHash">SHA-256 of the source's bytes from the range's start to End.</param>
/// <param name="TypesHash">Fingerprint of the event types and the parser's version.</param>
/// <param name="Lines">Lines in the range.</param>
/// <param name="Events">Events in the range.</param>
/// <param name="Rejects">Rejected lines in the range.</param>
/// <param name="LastRejectOffset">Offset of the last rejected line, or -1. The rejects are merged once their watermark has this value.</param>
/// <param name="RejectsMergedThrough">Watermark of the rejects: offset of the last merged one, or -1 (ignored by the freeze).</param>
/// <param name="Parts">Contiguous slices of users in key order.</param>
/// <param name="Revenue">Sum of the events in all parts.</param>
public sealed record FrozenRange(
    long End, ReadOnlyMemory<byte> BytesHash, ReadOnlyMemory<byte> TypesHash, long Lines, long Events, long Rejects,
    long LastRejectOffset, long RejectsMergedThrough, IReadOnlyList<RangePart> Parts, BigInteger Revenue)
{
    /// <summary>Returns whether the watermarks cover a user.</summary>
    public bool IsMerged(ReadOnlySpan<byte> userId)
    {
        foreach (var part in Parts)
        {
            if (userId.SequenceCompareTo(part.UpperKey.Span) <= 0)
            {
                return userId.SequenceCompareTo(part.MergedThrough.Span) <= 0;
            }
        }

        return false;
    }
}

/// <summary>A slice of a range's users.</summary>
/// <param name="Index">From 0.</param>
/// <param name="UpperKey">Last user id of the slice. The slice is merged once the watermark equals it.</param>
/// <param name="MergedThrough">Watermark: the last merged user id; empty before the first batch (ignored by the freeze).</param>
public sealed record RangePart(int Index, ReadOnlyMemory<byte> UpperKey, ReadOnlyMemory<byte> MergedThrough);
