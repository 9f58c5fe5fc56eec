using RevenueAspire.Events;

namespace RevenueAspire.Api.Ingest;

/// <summary>The event is on disk.</summary>
/// <param name="Receipt">The receipt of its record: <c>&lt;log&gt;:&lt;offset&gt;</c>.</param>
internal sealed record ReceiptAnswer(string Receipt);

/// <summary>The events of a batch are on disk.</summary>
/// <param name="Receipt">The receipt of the last record.</param>
/// <param name="Accepted">Number of accepted events.</param>
/// <param name="RejectedCount">Number of rejected lines.</param>
/// <param name="Rejected">The first rejected lines, as many as the caller requested.</param>
internal sealed record BatchAnswer(string Receipt, int Accepted, int RejectedCount, IReadOnlyList<RejectedLine> Rejected);

/// <summary>A rejected line of a batch.</summary>
/// <param name="Line">The line number, from 1; blank lines count.</param>
/// <param name="Reason">One sentence that names the field.</param>
internal sealed record RejectedLine(int Line, string Reason)
{
    public static RejectedLine Of(int line, RejectReason reason) => new(line, reason.Describe());
}
