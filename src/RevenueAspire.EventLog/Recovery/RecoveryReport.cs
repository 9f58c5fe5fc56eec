using RevenueAspire.EventLog.Format;
using RevenueAspire.EventLog.Storage;
using RevenueAspire.EventLog.Writing;

namespace RevenueAspire.EventLog.Recovery;

/// <summary>Findings and actions of a recovery, at a start or after a disk error (rule L6).</summary>
public sealed record RecoveryReport
{
    /// <summary>The row of the recovery table that applied.</summary>
    public required RecoveryCase Case { get; init; }

    /// <summary>The durable mark before recovery; null if it was missing or damaged.</summary>
    public required long? FoundMark { get; init; }

    /// <summary>The durable mark after recovery.</summary>
    public required long Mark { get; init; }

    /// <summary>Whole groups above the found mark that were kept and fsynced again; may be empty.</summary>
    public required LogRange Kept { get; init; }

    /// <summary>Bytes cut off: the beginning of an unacknowledged group; may be empty.</summary>
    public required LogRange Dropped { get; init; }

    /// <summary>Damaged bytes of the last segment. They are kept, and readers report them.</summary>
    public required IReadOnlyList<LogRange> Damaged { get; init; }

    /// <summary>Missing ranges below the mark.</summary>
    public required IReadOnlyList<LogRange> Gaps { get; init; }

    /// <summary>Segments whose missing or damaged seal was recreated from their bytes.</summary>
    public required IReadOnlyList<long> SealsMade { get; init; }

    /// <summary>Number of remembered keys.</summary>
    public required int Keys { get; init; }

    /// <summary>Whether acknowledged bytes are missing or damaged.</summary>
    public bool HasLoss => Damaged.Count > 0 || Gaps.Count > 0;
}

/// <summary>A recovered log, ready for appends.</summary>
/// <param name="MarkFile">The open mark file.</param>
/// <param name="Segment">The open last segment.</param>
/// <param name="SegmentStart">Log offset of the last segment.</param>
/// <param name="Checksums">Checksums of the last segment's bytes.</param>
/// <param name="Keys">The keys of the window.</param>
/// <param name="Report">Findings and actions of the recovery.</param>
internal sealed record RecoveredLog(ILogFile MarkFile, ILogFile Segment, long SegmentStart, BlockChecksums Checksums, KeyIndex Keys, RecoveryReport Report);
