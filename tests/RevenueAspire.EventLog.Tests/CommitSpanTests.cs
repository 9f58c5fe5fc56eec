using System.Collections.Concurrent;
using System.Diagnostics;
using RevenueAspire.EventLog.Tests.Simulation;
using RevenueAspire.EventLog.Writing;

namespace RevenueAspire.EventLog.Tests;

/// <summary>The span of an append is a child of its recorded request. Other requests get no span.</summary>
public sealed class CommitSpanTests : IDisposable
{
    private readonly SimulatedDisk _disk = new(new Random(7));
    private readonly ConcurrentQueue<Activity> _spans = new();
    private readonly ActivityListener _listener;

    public CommitSpanTests()
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == CommitSpan.SourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> options) =>
                (options.Parent.TraceFlags & ActivityTraceFlags.Recorded) != 0 ? ActivitySamplingResult.AllDataAndRecorded : ActivitySamplingResult.None,
            ActivityStopped = _spans.Enqueue,
        };
        ActivitySource.AddActivityListener(_listener);
    }

    public void Dispose() => _listener.Dispose();

    [Fact]
    public async Task An_append_of_a_recorded_request_has_a_span_that_names_its_group_commit()
    {
        var writer = Open();
        var before = writer.AppendAsync(TestLog.Single("a"), CancellationToken.None).AsTask();
        using var request = new Activity("request") { ActivityTraceFlags = ActivityTraceFlags.Recorded }.Start();
        var appended = writer.AppendAsync(TestLog.Group(["b", "c"], "key"), CancellationToken.None).AsTask();
        Assert.Same(request, Activity.Current);
        writer.Step();
        var receipt = (await appended).Receipt;
        await before;

        var span = Assert.Single(Of(request));
        Assert.Equal((CommitSpan.Name, request.SpanId), (span.OperationName, span.ParentSpanId));
        Assert.Equal(("Appended", receipt.ToString(), writer.LogId.ToString("N")),
            (span.GetTagItem("revenue.log.outcome"), span.GetTagItem("revenue.receipt"), span.GetTagItem("revenue.log.id")));
        Assert.Equal((0L, writer.DurableMark, 2),
            (span.GetTagItem("revenue.commit.from"), span.GetTagItem("revenue.commit.bytes"), span.GetTagItem("revenue.commit.groups")));
        var write = Assert.Single(span.Events);
        Assert.Equal(CommitSpan.WriteEvent, write.Name);
        Assert.InRange(write.Timestamp.UtcDateTime, request.StartTimeUtc.AddMilliseconds(-1), span.StartTimeUtc + span.Duration);
        Assert.Equal(receipt, writer.LastReceipt);

        // A repeat writes nothing and waits for no commit, so it has no second span.
        await writer.AppendAsync(TestLog.Group(["b", "c"], "key"), CancellationToken.None);
        Assert.Single(Of(request));
    }

    [Fact]
    public async Task A_failed_write_sets_the_error_status_of_the_span()
    {
        var writer = Open();
        using var request = new Activity("request") { ActivityTraceFlags = ActivityTraceFlags.Recorded }.Start();
        _disk.Fails = (operation, _) => operation == DiskOperation.Flush;
        var appended = writer.AppendAsync(TestLog.Single("a"), CancellationToken.None).AsTask();
        writer.Step();

        Assert.NotEqual(AppendStatus.Appended, (await appended).Status);
        var span = Assert.Single(Of(request));
        Assert.Equal(ActivityStatusCode.Error, span.Status);
        Assert.Null(span.GetTagItem("revenue.receipt"));
        Assert.Null(writer.LastReceipt);
    }

    [Fact]
    public async Task An_unrecorded_request_creates_no_span_and_allocates_nothing()
    {
        using var request = new Activity("request").Start();
        CommitSpan.Begin();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            Assert.Null(CommitSpan.Begin());
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        var writer = Open();
        var appended = writer.AppendAsync(TestLog.Single("a"), CancellationToken.None).AsTask();
        writer.Step();
        await appended;
        Assert.Empty(Of(request));
    }

    private EventLogWriter Open() => SimulatedLog.Open(_disk, _disk.Start());

    /// <summary>Select by trace, because other tests append at the same time.</summary>
    private Activity[] Of(Activity request) => [.. _spans.Where(span => span.TraceId == request.TraceId)];
}
