using RevenueAspire.EventLog.Format;
using RevenueAspire.EventLog.Storage;
using RevenueAspire.EventLog.Writing;

namespace RevenueAspire.EventLog.Recovery;

/// <summary>What a start (or a restart after a disk error) found at the end of the log and did about it (rule L6).</summary>
public sealed record RecoveryReport
{
    /// <summary>The row of the recovery table that applied.</summary>
    public required RecoveryCase Case { get; init; }

    /// <summary>The durable mark as found; null when it was missing or damaged.</summary>
    public required long? FoundMark { get; init; }

    /// <summary>The durable mark now.</summary>
    public required long Mark { get; init; }

    /// <summary>Whole groups above the found mark, kept and fsynced again; empty when none.</summary>
    public required LogRange Kept { get; init; }

    /// <summary>Bytes cut off: the beginning of a group that was never acknowledged; empty when none.</summary>
    public required LogRange Dropped { get; init; }

    /// <summary>Bytes of the last segment that are kept but cannot be trusted; readers report them as damage.</summary>
    public required IReadOnlyList<LogRange> Damaged { get; init; }

    /// <summary>Offsets below the mark of which no bytes exist.</summary>
    public required IReadOnlyList<LogRange> Gaps { get; init; }

    /// <summary>Segments whose seal was missing or damaged and was made again from their bytes.</summary>
    public required IReadOnlyList<long> SealsMade { get; init; }

    /// <summary>Keys remembered.</summary>
    public required int Keys { get; init; }

    /// <summary>Whether acknowledged bytes are missing or cannot be trusted.</summary>
    public bool HasLoss => Damaged.Count > 0 || Gaps.Count > 0;
}

/// <summary>A log ready to be appended to: what recovery hands to the writer.</summary>
/// <param name="MarkFile">The open mark.</param>
/// <param name="Segment">The open last segment.</param>
/// <param name="SegmentStart">Its log offset.</param>
/// <param name="Checksums">Over the bytes of the last segment.</param>
/// <param name="Keys">The keys of the window.</param>
/// <param name="Report">What was found and done.</param>
internal sealed record RecoveredLog(ILogFile MarkFile, ILogFile Segment, long SegmentStart, BlockChecksums Checksums, KeyIndex Keys, RecoveryReport Report);
