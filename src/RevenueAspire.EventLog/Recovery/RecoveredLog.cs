using RevenueAspire.EventLog.Format;
using RevenueAspire.EventLog.Storage;
using RevenueAspire.EventLog.Writing;

namespace RevenueAspire.EventLog.Recovery;

/// <summary>A log ready to be appended to: what recovery hands to the writer.</summary>
/// <param name="MarkFile">The open mark.</param>
/// <param name="Segment">The open last segment.</param>
/// <param name="SegmentStart">Its log offset.</param>
/// <param name="Checksums">Over the bytes of the last segment.</param>
/// <param name="Keys">The keys of the window.</param>
/// <param name="Report">What was found and done.</param>
internal sealed record RecoveredLog(ILogFile MarkFile, ILogFile Segment, long SegmentStart, BlockChecksums Checksums, KeyIndex Keys, RecoveryReport Report);
