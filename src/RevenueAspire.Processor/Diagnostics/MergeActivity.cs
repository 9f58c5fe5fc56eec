using System.Diagnostics;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Diagnostics;

/// <summary>Creates the activities of the source <c>RevenueAspire.Processor</c>: one per merged or applied range, linked to the requests that sent its
/// events.</summary>
/// <remarks>Links instead of a parent, because a range contains the events of many requests. The ledger's activities, one per part or statement, are its
/// children.</remarks>
internal static class MergeActivity
{
    public const string SourceName = "RevenueAspire.Processor";

    /// <summary>A range of a log or a file, merged part by part.</summary>
    public const string Range = "merge range";

    /// <summary>Live traffic of a log, applied in one statement.</summary>
    public const string Live = "merge live range";

    private static readonly ActivitySource Activities = new(SourceName);

    /// <summary>Starts an activity and makes it current. Without a listener, returns null and does not read the range.</summary>
    /// <param name="name">The name of the activity.</param>
    /// <param name="source">The source of the range. Only a log records requests.</param>
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
