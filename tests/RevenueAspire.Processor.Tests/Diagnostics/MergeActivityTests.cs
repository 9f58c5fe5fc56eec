using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using RevenueAspire.Processor.Diagnostics;
using RevenueAspire.Processor.Following;
using RevenueAspire.Processor.Reading;
using RevenueAspire.Processor.Tests.Support;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.Diagnostics;

/// <summary>Span links connect requests with the merge that applied their events.</summary>
public sealed class MergeActivityTests : IDisposable
{
    private readonly ConcurrentQueue<Activity> _merges = new();
    private readonly ConcurrentQueue<Activity> _parts = new();
    private readonly ActivityListener _listener;

    public MergeActivityTests()
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name is MergeActivity.SourceName or Ledger.LedgerTelemetry.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity => (activity.Source.Name == MergeActivity.SourceName ? _merges : _parts).Enqueue(activity),
        };
        ActivitySource.AddActivityListener(_listener);
    }

    public void Dispose() => _listener.Dispose();

    [Theory]
    [InlineData(1 << 20, MergeActivity.Live)]
    [InlineData(10, MergeActivity.Range)]
    public async Task The_merge_is_linked_to_the_sampled_requests_of_its_events(int liveRangeBytes, string name)
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using var log = new TestLog(ledger.Folder.File("log"));
        var (sampled, batch, unsampled, nested) = (Request(), Request(), Request(), Request());
        await log.AppendAsync(new EventFile().Add("a", 1).Bytes[..^1], Header(sampled));
        await log.AppendAsync(new EventFile().Add("a", 1).Add("b", 1).Bytes[..^1], Header(batch));
        await log.AppendAsync(new EventFile().Add("a", 1).Bytes[..^1], Header(unsampled)[..^1] + "0");
        var line = """{"userId":"a","name":"add_revenue","value":1,"note":{"traceparent":"X"}}""".Replace("X", Header(nested), StringComparison.Ordinal);
        await log.AppendAsync(System.Text.Encoding.UTF8.GetBytes(line));
        await FollowAsync(ledger, log, liveRangeBytes);

        var merge = Assert.Single(_merges, activity => activity.Links.Any(link => link.Context.TraceId == sampled.TraceId));
        Assert.Equal(name, merge.OperationName);
        Assert.Null(merge.ParentId);
        Assert.Equal([batch.SpanId, sampled.SpanId], merge.Links.Select(link => link.Context.SpanId));
        Assert.All(merge.Links, link => Assert.True(link.Context.IsRemote));

        // The ledger's activities are children of the merge.
        Assert.Contains(_parts, part => part.ParentSpanId == merge.SpanId);
        Assert.DoesNotContain(merge.TagObjects, tag => tag.Value is string);
    }

    [Fact]
    public async Task Links_are_bounded_and_the_latest_ones_are_kept()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using var log = new TestLog(ledger.Folder.File("log"));
        var requests = Enumerable.Range(0, 2 * SampledRequests.Most).Select(_ => Request()).ToArray();
        foreach (var request in requests)
        {
            await log.AppendAsync(new EventFile().Add("a", 1).Bytes[..^1], Header(request));
        }

        await FollowAsync(ledger, log, liveRangeBytes: 1 << 20);
        var merge = Assert.Single(_merges, activity => activity.Links.Any(link => link.Context.TraceId == requests[^1].TraceId));
        Assert.Equal(requests.Reverse().Take(SampledRequests.Most).Select(request => request.SpanId), merge.Links.Select(link => link.Context.SpanId));
    }

    [Fact]
    public async Task A_range_beyond_the_scan_limit_and_a_range_of_a_file_are_merged_too()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using var log = new TestLog(ledger.Folder.File("log"));
        var file = EventFile.Random(new Random(5), 3000, 100);
        Assert.True(file.Bytes.Length > SampledRequests.WindowBytes);
        var request = Request();
        await log.AppendAsync(file.Bytes, Header(request));
        await FollowAsync(ledger, log, liveRangeBytes: 1 << 20);
        await ledger.ProcessAsync(ledger.Write("a.jsonl", file.Bytes));
        await ledger.AssertBalancesAsync(file, file);
        Assert.Single(_merges, activity => activity.Links.Any(link => link.Context.TraceId == request.TraceId));
    }

    private static ActivityContext Request() =>
        new(ActivityTraceId.CreateRandom(), ActivitySpanId.CreateRandom(), ActivityTraceFlags.Recorded, null, isRemote: true);

    private static string Header(ActivityContext request) => $"00-{request.TraceId}-{request.SpanId}-01";

    private static async Task FollowAsync(LedgerFixture ledger, TestLog log, int liveRangeBytes)
    {
        using var stop = new CancellationTokenSource();
        var options = new ProcessorOptions { LiveRangeBytes = liveRangeBytes };
        var following = Task.Run(() =>
            new LogFollower(ledger.Services(options), LogSourceReader.Open(log.Directory), TimeProvider.System, NullLogger.Instance).RunAsync(stop.Token));
        await Eventually.IsTrueAsync(async () => (await ledger.Sources.FindAsync(log.LogId, CancellationToken.None))?.AppliedThrough == log.Mark);
        await stop.CancelAsync();
        await following;
    }
}
