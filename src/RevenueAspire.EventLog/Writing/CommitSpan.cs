using System.Diagnostics;

namespace RevenueAspire.EventLog.Writing;

/// <summary>The span <c>log commit</c> of one recorded request, from queueing until the group is durable. Source <c>RevenueAspire.EventLog</c>.</summary>
/// <remarks>The writer thread only stores the commit's data. The thread pool creates the activity when it completes the append. Without a listener, or for an
/// unrecorded request, there is no activity.</remarks>
internal sealed class CommitSpan
{
    public const string SourceName = "RevenueAspire.EventLog";

    public const string Name = "log commit";

    /// <summary>Event of the span at the beginning of the commit. The time before it is the wait for earlier commits.</summary>
    public const string WriteEvent = "write";

    private static readonly ActivitySource Activities = new(SourceName);

    private readonly ActivityContext _request;
    private readonly DateTime _queued = DateTime.UtcNow;
    private CommitNote? _commit;

    private CommitSpan(ActivityContext request) => _request = request;

    /// <summary>Begins a span for the current request; null if no listener would record it.</summary>
    public static CommitSpan? Begin() => Activities.HasListeners() && Activity.Current is { Recorded: true } request ? new CommitSpan(request.Context) : null;

    /// <summary>Notes a commit for those groups whose requests are recorded.</summary>
    /// <param name="groups">Groups of the commit.</param>
    /// <param name="from">Log offset at which the commit begins.</param>
    /// <param name="bytes">Size of the commit.</param>
    /// <param name="duration">Duration of write, fsync and mark, which end now.</param>
    public static void Committed(List<PendingAppend> groups, long from, long bytes, TimeSpan duration)
    {
        if (!Activities.HasListeners())
        {
            return;
        }

        CommitNote? note = null;
        foreach (var group in groups)
        {
            if (group.Span is { } span)
            {
                span._commit = note ??= new CommitNote(from, bytes, groups.Count, duration, DateTime.UtcNow);
            }
        }
    }

    /// <summary>Creates the span as a child of the request. Called once, with the outcome.</summary>
    public void End(in AppendResult result)
    {
        using var span = Activities.StartActivity(Name, ActivityKind.Internal, _request, startTime: _queued);
        if (span is null)
        {
            return;
        }

        span.SetTag("revenue.log.outcome", result.Status.ToString());
        if (result.Status is AppendStatus.Appended or AppendStatus.Repeated)
        {
            span.SetTag("revenue.log.id", result.Receipt.LogId.ToString("N")).SetTag("revenue.receipt", result.Receipt.ToString());
        }
        else if (result.Error is { } error)
        {
            span.SetStatus(ActivityStatusCode.Error, error);
        }

        if (_commit is { } commit)
        {
            span.SetTag("revenue.commit.from", commit.From).SetTag("revenue.commit.bytes", commit.Bytes).SetTag("revenue.commit.groups", commit.Groups);
            span.AddEvent(new ActivityEvent(WriteEvent, new DateTimeOffset(commit.Ended - commit.Duration)));
            span.SetEndTime(commit.Ended);
        }
    }

    private sealed record CommitNote(long From, long Bytes, int Groups, TimeSpan Duration, DateTime Ended);
}
