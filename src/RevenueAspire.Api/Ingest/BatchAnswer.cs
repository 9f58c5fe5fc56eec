using RevenueAspire.Events;

namespace RevenueAspire.Api.Ingest;

/// <summary>The event is on disk.</summary>
/// <param name="Receipt">Names its record: <c>&lt;log&gt;:&lt;offset&gt;</c>.</param>
internal sealed record ReceiptAnswer(string Receipt);

/// <summary>The events of a batch are on disk.</summary>
/// <param name="Receipt">Names the last record.</param>
/// <param name="Accepted">Events appended.</param>
/// <param name="RejectedCount">Lines that are no events.</param>
/// <param name="Rejected">The first of them, as many as were asked for.</param>
internal sealed record BatchAnswer(string Receipt, int Accepted, int RejectedCount, IReadOnlyList<RejectedLine> Rejected);

/// <summary>A line of a batch that is not an event.</summary>
/// <param name="Line">Its number, from 1; blank lines count.</param>
/// <param name="Reason">One sentence that names the field.</param>
internal sealed record RejectedLine(int Line, string Reason)
{
    public static RejectedLine Of(int line, RejectReason reason) => new(line, reason.Describe());
}
