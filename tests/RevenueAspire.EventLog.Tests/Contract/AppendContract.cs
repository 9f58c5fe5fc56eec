using System.Diagnostics;
using System.Text.Json;
using RevenueAspire.EventLog.Writing;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Tests.Contract;

/// <summary>The promises of an append, for every store (rules L3, L4, L7).</summary>
public abstract class AppendContract : IAsyncDisposable
{
    private readonly LogFixture _fixture;

    private protected AppendContract(LogFixture fixture) => _fixture = fixture;

    public async ValueTask DisposeAsync()
    {
        await _fixture.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task L3_L4_receipts_name_the_last_record_of_each_group_and_readers_see_the_same_order()
    {
        var log = await _fixture.OpenAsync();
        Assert.Null(log.LastReceipt);
        var results = new List<AppendResult>();
        foreach (var (user, count) in new[] { ("a", 1), ("b", 3), ("c", 1), ("d", 500) })
        {
            results.Add(await AppendAsync(log, TestLog.Group([.. Enumerable.Repeat(user, count)], rejected: count / 100)));
            Assert.Equal(results[^1].Receipt, log.LastReceipt);
        }

        var text = _fixture.ReadAll(log.LogId);
        Assert.Equal(log.DurableMark, text.Length);
        Assert.Equal("abbbc" + new string('d', 500), string.Concat(UsersIn(text)));
        Assert.All(results, result => Assert.Equal(AppendStatus.Appended, result.Status));
        Assert.Equal((500, 5), (results[3].Accepted, results[3].RejectedCount));
        Assert.Equal(new Receipt(log.LogId, 0), results[0].Receipt);
        foreach (var (result, user) in results.Zip("abcd"))
        {
            var (offset, receipt) = ((int)result.Receipt.Offset, result.Receipt);
            Assert.Equal(ReceiptLookup.Record, await LookUpAsync(log, receipt));
            Assert.Equal(ReceiptLookup.NoRecord, await LookUpAsync(log, receipt with { Offset = offset + 1 }));
            Assert.Equal(text.LastIndexOf($$"""{"userId":"{{user}}",""", StringComparison.Ordinal), offset);
        }

        Assert.Equal(ReceiptLookup.NoRecord, await LookUpAsync(log, new Receipt(log.LogId, log.DurableMark)));
        Assert.Equal(ReceiptLookup.NoRecord, await LookUpAsync(log, new Receipt(log.LogId, long.MaxValue)));
        Assert.Equal(ReceiptLookup.OtherLog, await LookUpAsync(log, new Receipt(Guid.NewGuid(), 0)));
    }

    [Fact]
    public async Task L3_the_last_record_of_a_batch_has_its_start_offset_and_count()
    {
        var log = await _fixture.OpenAsync();
        await AppendAsync(log, TestLog.Single("before"));
        var from = log.DurableMark;
        await AppendAsync(log, TestLog.Group(["a", "b", "c"], "key"));

        var records = TestLog.Lines(_fixture.ReadAll(log.LogId)).Select(line => JsonDocument.Parse(line).RootElement).ToArray();
        Assert.Equal(
            [false, false, false, true], records.Select(record => record.TryGetProperty("batch", out var fields) && fields.TryGetProperty("count", out _)));
        var batch = records[3].GetProperty("batch");
        Assert.Equal((from, 3), (batch.GetProperty("from").GetInt64(), batch.GetProperty("count").GetInt32()));
        Assert.Equal("key", records[3].GetProperty("idempotencyKey").GetString());
    }

    [Fact]
    public async Task L4_many_callers_share_commits_and_each_group_is_in_the_log_once_and_whole()
    {
        var log = await _fixture.OpenAsync(options => options.SegmentBytes = 20_000);
        var results = new AppendResult[2_000];
        await Parallel.ForAsync(0, results.Length, new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (i, token) =>
            results[i] = await log.AppendAsync(i % 10 == 0 ? TestLog.Group([$"u{i}", $"v{i}"]) : TestLog.Single($"u{i}"), token));

        Assert.All(results, result => Assert.Equal(AppendStatus.Appended, result.Status));
        Assert.Equal(results.Length, results.Select(result => result.Receipt).Distinct().Count());
        var users = UsersIn(_fixture.ReadAll(log.LogId, step: 5_000));
        Assert.Equal(2_200, users.Count);
        Assert.Equal(2_200, users.Distinct().Count());
        Assert.All(Enumerable.Range(0, results.Length / 10).Select(i => 10 * i), i => Assert.Equal($"v{i}", users[users.IndexOf($"u{i}") + 1]));
    }

    [Fact]
    public async Task L4_a_group_larger_than_every_buffer_is_written_whole()
    {
        var log = await _fixture.OpenAsync();
        var results = await Task.WhenAll(
            AppendAsync(log, TestLog.Single("a")),
            AppendAsync(log, TestLog.Group([.. Enumerable.Range(0, 20_000).Select(i => $"user{i}")])),
            AppendAsync(log, TestLog.Single("b")));

        Assert.Equal(20_000, results[1].Accepted);
        Assert.Equal(ReceiptLookup.Record, await LookUpAsync(log, results[1].Receipt));
        Assert.Equal(20_002, TestLog.Lines(_fixture.ReadAll(log.LogId)).Length);
        await log.DisposeAsync();

        // The next start verifies the log.
        Assert.Equal(ReceiptLookup.Record, await LookUpAsync(await _fixture.OpenAsync(), results[1].Receipt));
    }

    [Fact]
    public async Task L4_the_queue_is_limited_in_groups_and_every_queued_group_completes()
    {
        var log = await _fixture.OpenAsync(options => options.QueueCapacity = 10);
        Task<AppendResult>[] appends;
        await using (await _fixture.HoldAsync())
        {
            appends = [.. Enumerable.Range(0, 15).Select(i => AppendAsync(log, TestLog.Single($"u{i}")))];
            Assert.All(appends[..10], append => Assert.False(append.IsCompleted));
            Assert.All(await Task.WhenAll(appends[10..]), result => Assert.Equal(AppendStatus.QueueFull, result.Status));
            Assert.Equal(10, log.QueueDepth);
        }

        Assert.All(await Task.WhenAll(appends[..10]), result => Assert.Equal(AppendStatus.Appended, result.Status));
        Assert.Equal(Enumerable.Range(0, 10).Select(i => $"u{i}"), UsersIn(_fixture.ReadAll(log.LogId)));
        Assert.Equal(0, log.QueueDepth);
        Assert.Equal(AppendStatus.Appended, (await AppendAsync(log, TestLog.Single("later"))).Status);
    }

    [Fact]
    public async Task L4_the_queue_is_limited_in_bytes_including_repeats_of_a_key_in_flight()
    {
        var log = await _fixture.OpenAsync(options => options.QueueBytes = 700);
        Task<AppendResult> first, repeat;
        await using (await _fixture.HoldAsync())
        {
            first = AppendAsync(log, TestLog.Single("a", "k"));
            repeat = AppendAsync(log, TestLog.Single("a", "k"));
            var others = Enumerable.Range(0, 5).Select(i => AppendAsync(log, TestLog.Single("b" + i))).ToArray();
            Assert.Equal(AppendStatus.QueueFull, (await others[4]).Status);
        }

        Assert.Equal((AppendStatus.Appended, AppendStatus.Repeated), ((await first).Status, (await repeat).Status));
        await Eventually.IsTrueAsync(() => log.QueueDepth == 0);
    }

    [Fact]
    public async Task L4_cancellation_ends_the_wait_and_never_the_write()
    {
        var log = await _fixture.OpenAsync();
        using var cancellation = new CancellationTokenSource();
        await using (await _fixture.HoldAsync())
        {
            var append = log.AppendAsync(TestLog.Single("a", "k"), cancellation.Token).AsTask();
            await cancellation.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => append);
        }

        Assert.Equal(AppendStatus.Repeated, (await AppendAsync(log, TestLog.Single("a", "k"))).Status);
        Assert.Equal(["a"], UsersIn(_fixture.ReadAll(log.LogId)));
    }

    [Fact]
    public async Task L4_an_append_with_a_cancelled_token_is_not_enqueued()
    {
        var log = await _fixture.OpenAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => log.AppendAsync(TestLog.Single("a"), new CancellationToken(true)).AsTask());

        Assert.Equal((0, 0), (log.QueueDepth, log.DurableMark));
    }

    [Fact]
    public async Task A_stop_writes_and_answers_queued_groups_and_refuses_later_ones()
    {
        var log = await _fixture.OpenAsync();
        var id = log.LogId;
        var appends = Enumerable.Range(0, 500).Select(i => AppendAsync(log, TestLog.Single("u" + i))).ToArray();
        await log.DisposeAsync();

        Assert.All(await Task.WhenAll(appends), result => Assert.Equal(AppendStatus.Appended, result.Status));
        Assert.Equal(AppendStatus.Unavailable, (await AppendAsync(log, TestLog.Single("late"))).Status);
        Assert.Equal(WriterState.Stopped, log.Status.State);
        Assert.Equal(Enumerable.Range(0, 500).Select(i => $"u{i}"), UsersIn(_fixture.ReadAll(id)));
        await log.DisposeAsync();
    }

    [Fact]
    public async Task After_a_stop_the_next_start_continues_the_log_and_old_receipts_stay_valid()
    {
        var before = await _fixture.OpenAsync();
        var first = (await AppendAsync(before, TestLog.Single("a"))).Receipt;
        await before.DisposeAsync();

        var log = await _fixture.OpenAsync();
        var second = (await AppendAsync(log, TestLog.Single("b"))).Receipt;

        Assert.NotEqual(first, second);
        Assert.Equal(ReceiptLookup.Record, await LookUpAsync(log, first));
        Assert.Equal(ReceiptLookup.Record, await LookUpAsync(log, second));
        Assert.Equal(["a", "b"], new[] { first.LogId, second.LogId }.Distinct().SelectMany(id => UsersIn(_fixture.ReadAll(id))));
    }

    [Fact]
    public async Task L7_a_group_that_the_medium_refuses_is_unavailable_and_never_appended_and_the_log_recovers()
    {
        var log = await _fixture.OpenAsync();
        var first = await AppendAsync(log, TestLog.Single("a"));
        await using (await _fixture.RefuseAsync())
        {
            var refused = await Task.WhenAll(AppendAsync(log, TestLog.Single("b", "key")), AppendAsync(log, TestLog.Group(["c", "d"])));
            Assert.All(refused, result => Assert.Equal((AppendStatus.Unavailable, default), (result.Status, result.Receipt)));
            Assert.All(refused, result => Assert.NotEmpty(result.Error!));
        }

        await Eventually.IsTrueAsync(
            async () => (await AppendAsync(log, TestLog.Single("e", "key-2"))).Status is AppendStatus.Appended or AppendStatus.Repeated);
        Assert.Null(log.Status.Reason);
        Assert.Equal(AppendStatus.Appended, (await AppendAsync(log, TestLog.Single("b", "key"))).Status);
        Assert.Equal(["a", "e", "b"], UsersIn(_fixture.ReadAll(log.LogId)));
        Assert.Equal(first.Receipt.LogId, log.LogId);
    }

    [Fact]
    public async Task Only_an_append_of_a_recorded_request_has_a_span()
    {
        var log = await _fixture.OpenAsync();
        var spans = new System.Collections.Concurrent.ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == CommitSpan.SourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> options) =>
                (options.Parent.TraceFlags & ActivityTraceFlags.Recorded) != 0 ? ActivitySamplingResult.AllDataAndRecorded : ActivitySamplingResult.None,
            ActivityStopped = spans.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        await AppendAsync(log, TestLog.Single("a"));
        using var request = new Activity("request") { ActivityTraceFlags = ActivityTraceFlags.Recorded }.Start();
        var from = log.DurableMark;
        var receipt = (await AppendAsync(log, TestLog.Group(["b", "c"], "key"))).Receipt;

        // Filter by trace, because other tests append at the same time.
        var span = Assert.Single(spans, span => span.TraceId == request.TraceId);
        Assert.Equal((CommitSpan.Name, request.SpanId), (span.OperationName, span.ParentSpanId));
        Assert.Equal(("Appended", receipt.ToString()), (span.GetTagItem("revenue.log.outcome"), span.GetTagItem("revenue.receipt")));
        Assert.Equal((from, log.DurableMark - from), (span.GetTagItem("revenue.commit.from"), span.GetTagItem("revenue.commit.bytes")));
    }

    private static Task<AppendResult> AppendAsync(EventLogWriter log, AppendGroup group) => log.AppendAsync(group, CancellationToken.None).AsTask();

    private static Task<ReceiptLookup> LookUpAsync(EventLogWriter log, Receipt receipt) => log.LookUpAsync(receipt, CancellationToken.None).AsTask();

    private static List<string> UsersIn(string text) => TestLog.Users(text);
}
