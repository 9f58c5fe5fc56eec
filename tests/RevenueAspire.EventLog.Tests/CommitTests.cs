using RevenueAspire.EventLog.Tests.Simulation;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Tests;

/// <summary>Rules L2 and L4: group commit, its limits, and segments.</summary>
public sealed class CommitTests
{
    private readonly SimulatedDisk _disk = new(new Random(4));
    private readonly List<string> _operations = [];

    [Fact]
    public void L4_what_waits_together_shares_one_write_one_fsync_and_one_move_of_the_mark_in_this_order()
    {
        var writer = Open();
        _operations.Clear();
        var results = SimulatedLog.Append(writer, TestLog.Single("a"), TestLog.Group(["b", "c"]), TestLog.Single("d"));

        Assert.All(results, result => Assert.Equal(AppendStatus.Appended, result.Status));
        Assert.Equal(["Write 00000000000000000000.jsonl", "Flush 00000000000000000000.jsonl", "Write durable.mark"], _operations);
    }

    [Fact]
    public void L4_a_commit_takes_no_more_than_its_bytes_but_one_larger_group_whole()
    {
        var writer = Open(options => options.CommitBytes = 200);
        var tasks = new[] { TestLog.Single("a"), TestLog.Single("b"), TestLog.Single("c"), TestLog.Group(["d", "e", "f", "g"]) }
            .Select(group => writer.AppendAsync(group, CancellationToken.None).AsTask()).ToArray();
        var marks = new List<long>();
        while (writer.QueueDepth > 0)
        {
            writer.Step();
            marks.Add(writer.DurableMark);
        }

        Assert.Equal(3, marks.Count);
        Assert.Equal(tasks.Length, Users().Count - 3);
    }

    [Fact]
    public async Task L4_the_queue_is_bounded_in_groups()
    {
        var writer = Open(options => options.QueueCapacity = 2);
        var first = writer.AppendAsync(TestLog.Single("a"), CancellationToken.None).AsTask();
        var second = writer.AppendAsync(TestLog.Single("b"), CancellationToken.None).AsTask();
        var third = writer.AppendAsync(TestLog.Single("c"), CancellationToken.None).AsTask();

        Assert.Equal(AppendStatus.QueueFull, (await third).Status);
        Assert.Equal(2, writer.QueueDepth);
        writer.Step();
        Assert.Equal(AppendStatus.Appended, (await Task.WhenAll(first, second))[1].Status);
        Assert.Equal(AppendStatus.Appended, SimulatedLog.Append(writer, TestLog.Single("d"))[0].Status);
    }

    [Fact]
    public async Task L4_the_queue_is_bounded_in_bytes_repeats_of_a_key_in_flight_included()
    {
        var writer = Open(options => options.QueueBytes = 700);
        var first = writer.AppendAsync(TestLog.Single("a", "k"), CancellationToken.None).AsTask();
        var repeat = writer.AppendAsync(TestLog.Single("a", "k"), CancellationToken.None).AsTask();
        var others = Enumerable.Range(0, 5).Select(i => writer.AppendAsync(TestLog.Single("b" + i), CancellationToken.None).AsTask()).ToArray();

        Assert.Equal(AppendStatus.QueueFull, (await others[4]).Status);
        writer.Step();
        Assert.Equal(AppendStatus.Appended, (await first).Status);
        Assert.Equal(AppendStatus.Repeated, (await repeat).Status);
        Assert.Equal(0, writer.QueueDepth);
    }

    [Fact]
    public async Task L4_cancellation_ends_the_wait_but_not_the_write()
    {
        var writer = Open();
        using var cancellation = new CancellationTokenSource();
        var task = writer.AppendAsync(TestLog.Single("a", "k"), cancellation.Token).AsTask();
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task);
        writer.Step();

        Assert.Equal(["a"], Users());
        Assert.Equal(AppendStatus.Repeated, (await writer.AppendAsync(TestLog.Single("a", "k"), CancellationToken.None)).Status);
    }

    [Fact]
    public async Task L4_an_append_cancelled_before_is_not_enqueued()
    {
        var writer = Open();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => writer.AppendAsync(TestLog.Single("a"), new CancellationToken(true)).AsTask());

        Assert.Equal(0, writer.QueueDepth);
    }

    [Fact]
    public void L2_L4_a_full_segment_is_sealed_and_the_next_named_by_its_offset_and_made_durable_before_it_is_written()
    {
        var writer = Open(options => options.SegmentBytes = 150);
        SimulatedLog.Append(writer, TestLog.Group(["a", "b"]));
        var end = writer.DurableMark;
        _operations.Clear();
        SimulatedLog.Append(writer, TestLog.Single("c"));
        var (seal, segment) = ($"{0:D20}.seal", $"{end:D20}.jsonl");

        Assert.Equal(
            [
                $"Create {seal}.tmp", $"Write {seal}.tmp", $"Flush {seal}.tmp", $"Rename {seal}", "FlushDirectory log",
                $"Create {segment}", "FlushDirectory log", $"Write {segment}", $"Flush {segment}", "Write durable.mark",
            ],
            _operations);
        Assert.Equal(["a", "b", "c"], Users());
    }

    [Fact]
    public async Task L4_many_callers_at_once_are_all_written_once_on_a_real_disk()
    {
        using var directory = new TempDirectory();
        var results = new AppendResult[2000];
        await using (var writer = TestLog.Open(TestLog.Options(directory.Path, options => options.SegmentBytes = 20_000)))
        {
            await Parallel.ForAsync(0, results.Length, new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (i, token) =>
                results[i] = await writer.AppendAsync(i % 10 == 0 ? TestLog.Group([$"u{i}", $"v{i}"]) : TestLog.Single($"u{i}"), token));
        }

        using var reader = EventLogReader.Open(directory.Path);
        var (text, damage) = TestLog.ReadAll(reader, 5000);
        var users = ModelGroup.UsersIn(System.Text.Encoding.UTF8.GetBytes(text));

        Assert.Empty(damage);
        Assert.All(results, result => Assert.Equal(AppendStatus.Appended, result.Status));
        Assert.Equal(results.Length, results.Select(result => result.Receipt).Distinct().Count());
        Assert.Equal(2200, users.Distinct().Count());
        Assert.Equal(2200, users.Count);
        Assert.True(Directory.GetFiles(directory.Path, "*.seal").Length > 5);
        Assert.All(results, result => Assert.True(reader.IsRecord(result.Receipt.Offset)));
        Assert.False(reader.IsRecord(1));
    }

    [Fact]
    public async Task L2_a_reader_that_only_looks_records_up_finds_those_of_segments_that_came_later()
    {
        using var directory = new TempDirectory();
        await using var writer = TestLog.Open(TestLog.Options(directory.Path, options => options.SegmentBytes = 300));
        using var reader = EventLogReader.Open(directory.Path);
        for (var i = 0; i < 20; i++)
        {
            var result = await TestLog.AppendAsync(writer, TestLog.Single($"u{i}"));
            if (!File.Exists(directory.File($"{result.Receipt.Offset:D20}.jsonl")))
            {
                // Not the first of a segment, which is found behind the last byte of the one before.
                Assert.True(reader.IsRecord(result.Receipt.Offset), $"{result.Receipt}");
                Assert.False(reader.IsRecord(result.Receipt.Offset + 1));
            }
        }

        Assert.True(Directory.GetFiles(directory.Path, "*.seal").Length > 3);
    }

    [Fact]
    public async Task L4_a_group_larger_than_every_buffer_is_written_whole()
    {
        using var directory = new TempDirectory();
        var users = Enumerable.Range(0, 20_000).Select(i => $"user{i}").ToArray();
        await using (var writer = TestLog.Open(directory.Path))
        {
            var results = await Task.WhenAll(
                writer.AppendAsync(TestLog.Single("a"), CancellationToken.None).AsTask(),
                writer.AppendAsync(TestLog.Group(users), CancellationToken.None).AsTask(),
                writer.AppendAsync(TestLog.Single("b"), CancellationToken.None).AsTask());
            Assert.Equal(20_000, results[1].Accepted);
            Assert.True(writer.IsRecord(results[1].Receipt.Offset));
        }

        // A start checks the batch's checksum.
        await using var again = TestLog.Open(directory.Path);
        Assert.Equal(Recovery.RecoveryCase.Clean, again.LastRecovery.Case);
        Assert.Empty(again.LastRecovery.Damaged);
        using var reader = EventLogReader.Open(directory.Path);
        Assert.Equal(20_002, TestLog.Lines(TestLog.ReadAll(reader).Text).Length);
    }

    [Fact]
    public async Task Disposing_writes_and_answers_what_is_queued_and_refuses_what_comes_later()
    {
        using var directory = new TempDirectory();
        var writer = TestLog.Open(directory.Path);
        var tasks = Enumerable.Range(0, 500).Select(i => writer.AppendAsync(TestLog.Single("u" + i), CancellationToken.None).AsTask()).ToArray();
        await writer.DisposeAsync();

        Assert.All(await Task.WhenAll(tasks), result => Assert.Equal(AppendStatus.Appended, result.Status));
        Assert.Equal(AppendStatus.Unavailable, (await TestLog.AppendAsync(writer, TestLog.Single("late"))).Status);
        Assert.Equal(WriterState.Stopped, writer.State);
        await writer.DisposeAsync();
    }

    private EventLogWriter Open(Action<EventLogOptions>? change = null)
    {
        _disk.Fails = (operation, path) =>
        {
            _operations.Add($"{operation} {Path.GetFileName(path)}");
            return false;
        };
        return SimulatedLog.Open(_disk, _disk.Start(), change);
    }

    private List<string> Users() => ModelGroup.UsersIn(System.Text.Encoding.UTF8.GetBytes(SimulatedLog.ReadAll(_disk).Text));
}
