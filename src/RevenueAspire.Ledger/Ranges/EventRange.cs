using System.Numerics;

namespace RevenueAspire.Ledger;

/// <summary>A row of <c>event_range</c> that this owner holds.</summary>
/// <param name="Id">Random uuid made by the claimer.</param>
/// <param name="SourceId">The source.</param>
/// <param name="From">First byte: the beginning of a line.</param>
/// <param name="To">End as claimed: the beginning of a line, or the source's end. Once frozen: the frozen end.</param>
/// <param name="Frozen">The values frozen before the first merge; null while the range is not frozen and nothing of it is merged.</param>
public sealed record EventRange(Guid Id, Guid SourceId, long From, long To, FrozenRange? Frozen);

/// <summary>The values that rule M4 fixes before a range's first merge. A processor that takes over must find equal hashes, and adopts end and
/// slices.</summary>
/// <param name="End">Exclusive end: the beginning of a line, or the source's end; at most the claimed end.</param>
/// <param name="BytesHash">SHA-256 of the source's bytes from From to End.</param>
/// <param name="TypesHash">Fingerprint of the event types and the parser's version.</param>
/// <param name="Lines">Lines in the range.</param>
/// <param name="Events">Events in the range.</param>
/// <param name="Rejects">Rejected lines in the range.</param>
/// <param name="LastRejectOffset">Offset of the last rejected line, or -1: rejects are merged when their watermark stands there.</param>
/// <param name="RejectsMergedThrough">Watermark of the rejects: offset of the last merged one, or -1 (ignored when freezing).</param>
/// <param name="Parts">Contiguous slices of users in key order.</param>
/// <param name="Revenue">Sum of the events, all parts together.</param>
public sealed record FrozenRange(
    long End, ReadOnlyMemory<byte> BytesHash, ReadOnlyMemory<byte> TypesHash, long Lines, long Events, long Rejects,
    long LastRejectOffset, long RejectsMergedThrough, IReadOnlyList<RangePart> Parts, BigInteger Revenue)
{
    /// <summary>Whether a user is merged according to the watermarks.</summary>
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
/// <param name="UpperKey">Last user id of the slice; the slice is merged when the watermark equals it.</param>
/// <param name="MergedThrough">Watermark: the last merged user id, empty before the first batch (ignored when freezing).</param>
public sealed record RangePart(int Index, ReadOnlyMemory<byte> UpperKey, ReadOnlyMemory<byte> MergedThrough);
