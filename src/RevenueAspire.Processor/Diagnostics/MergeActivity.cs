using System.Diagnostics;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Diagnostics;

/// <summary>Activities of the source <c>RevenueAspire.Processor</c>: one for each range that is merged or applied, linked to the requests that brought its
/// events.</summary>
/// <remarks>Links instead of a parent: a range has the events of many requests. The ledger's own activities, a part or a statement each, are its
/// children.</remarks>
internal static class MergeActivity
{
    public const string SourceName = "RevenueAspire.Processor";

    /// <summary>A range of a log or a file, merged part by part.</summary>
    public const string Range = "merge range";

    /// <summary>Live traffic of a log, applied in one statement.</summary>
    public const string Live = "merge live range";

    private static readonly ActivitySource Activities = new(SourceName);

    /// <summary>Starts an activity and makes it the current one. Null without a listener; the range is then not read.</summary>
    /// <param name="name">The step that is applied to the range.</param>
    /// <param name="source">Where the range is read; only a log knows requests.</param>
    /// <param name="from">First byte of the range.</param>
    /// <param name="to">Exclusive end.</param>
    public static Activity? Start(string name, ISourceReader source, long from, long to)
    {
        if (!Activities.HasListeners())
        {
            return null;
        }

        var requests = source.Kind == SourceKind.Log ? SampledRequests.Find(source, from, to) : [];
        var activity = Activities.StartActivity(
            name, ActivityKind.Consumer, parentContext: default, links: requests.Select(request => new ActivityLink(request)));
        activity?.SetTag("revenue.range.from", from).SetTag("revenue.range.bytes", to - from);
        return activity;
    }
}
