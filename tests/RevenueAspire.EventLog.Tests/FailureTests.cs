using Microsoft.Extensions.Logging;
using RevenueAspire.EventLog.Tests.Simulation;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Tests;

/// <summary>Rule L7: what happens when the disk refuses.</summary>
public sealed class FailureTests
{
    private const string Segment = "00000000000000000000.jsonl";
    private readonly SimulatedDisk _disk = new(new Random(7));

    [Fact]
    public void L7_a_failed_write_is_undone_and_refused_and_the_log_goes_on_by_itself()
    {
        var writer = Open();
        var first = Append(writer, TestLog.Single("a"))[0];
        Fail(DiskOperation.Write, Segment);
        var refused = SimulatedLog.Append(writer, TestLog.Single("b"), TestLog.Group(["c", "d"]));

        Assert.All(refused, result => Assert.Equal(AppendStatus.Unavailable, result.Status));
        Assert.Equal(WriterState.Failed, writer.Status.State);
        Assert.Contains("simulated", writer.Status.Reason, StringComparison.Ordinal);
        Assert.Equal(writer.DurableMark, _disk.Entries[SimulatedLog.File(Segment)].Length);
        Assert.Equal(AppendStatus.Unavailable, Append(writer, TestLog.Single("e"))[0].Status);

        // Still full: the attempt to recover leaves nothing behind.
        writer.Step();
        Assert.Equal(WriterState.Failed, writer.Status.State);
        Heal();
        writer.Step();
        Assert.Equal(WriterState.Running, writer.Status.State);
        Assert.Null(writer.Status.Reason);
        Assert.Equal(writer.DurableMark, Append(writer, TestLog.Single("f"))[0].Receipt.Offset);
        Assert.Equal(["a", "f"], Users());
        Assert.Equal(0, first.Receipt.Offset);
    }

    [Fact]
    public void L7_a_failed_fsync_is_never_tried_again_on_the_same_bytes()
    {
        var writer = Open();
        Append(writer, TestLog.Single("a"));
        var operations = new List<DiskOperation>();
        _disk.Fails = (operation, path) =>
        {
            operations.Add(operation);
            return operation == DiskOperation.Flush && operations.Count(done => done == DiskOperation.Flush) == 1;
        };
        var result = Append(writer, TestLog.Single("b", "key"))[0];

        // The second flush makes the cut durable: the bytes are gone by then.
        Assert.Equal([DiskOperation.Write, DiskOperation.Flush, DiskOperation.Truncate, DiskOperation.Flush], operations);
        Assert.Equal((AppendStatus.Unavailable, WriterState.Failed), (result.Status, writer.Status.State));
        Assert.Equal(writer.DurableMark, _disk.Entries[SimulatedLog.File(Segment)].Length);
        writer.Step();
        Assert.Equal(WriterState.Running, writer.Status.State);
        var again = Append(writer, TestLog.Single("b", "key"))[0];
        Assert.Equal(AppendStatus.Appended, again.Status);
        _disk.CutPower();
        _disk.Start();
        Open();
        Assert.Equal(["a", "b"], Users());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void L7_a_repeat_of_what_a_failed_fsync_may_have_left_is_neither_lost_nor_doubled_when_the_process_ends(bool powerCut)
    {
        // Every outcome of what the disk kept of the failed flush.
        for (var seed = 0; seed < 50; seed++)
        {
            var disk = new SimulatedDisk(new Random(seed));
            var writer = SimulatedLog.Open(disk, disk.Start());
            disk.Fails = (operation, path) => operation == DiskOperation.Flush && path.EndsWith(Segment, StringComparison.Ordinal);
            Assert.Equal(AppendStatus.InDoubt, SimulatedLog.Append(writer, TestLog.Group(["a", "b"], "key"))[0].Status);
            disk.Fails = (_, _) => false;
            if (powerCut)
            {
                disk.CutPower();
            }

            var next = SimulatedLog.Open(disk, disk.Start());
            var result = SimulatedLog.Append(next, TestLog.Group(["a", "b"], "key"))[0];
            Assert.True(result.Status is AppendStatus.Appended or AppendStatus.Repeated);
            disk.CutPower();
            SimulatedLog.Open(disk, disk.Start());
            Assert.Equal(["a", "b"], ModelGroup.UsersIn(System.Text.Encoding.UTF8.GetBytes(SimulatedLog.ReadAll(disk).Text)));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void L7_what_was_answered_with_nothing_was_appended_is_not_found_by_the_next_start(bool powerCut)
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var disk = new SimulatedDisk(new Random(seed));
            var writer = SimulatedLog.Open(disk, disk.Start());
            SimulatedLog.Append(writer, TestLog.Single("a"));
            var flushes = 0;
            disk.Fails = (operation, _) => operation == DiskOperation.Flush && ++flushes == 1;
            Assert.Equal(AppendStatus.Unavailable, SimulatedLog.Append(writer, TestLog.Group(["b", "c"]))[0].Status);
            disk.Fails = (_, _) => false;

            // The process ends before it has recovered.
            if (powerCut)
            {
                disk.CutPower();
            }

            SimulatedLog.Open(disk, disk.Start());
            Assert.Equal(["a"], ModelGroup.UsersIn(System.Text.Encoding.UTF8.GetBytes(SimulatedLog.ReadAll(disk).Text)));
        }
    }

    [Fact]
    public void L7_only_what_was_being_written_is_in_doubt_when_it_cannot_be_cut_off()
    {
        var writer = SimulatedLog.Open(_disk, _disk.Start(), options => options.CommitBytes = 1);
        _disk.Fails = (operation, _) => operation is DiskOperation.Flush or DiskOperation.Truncate;
        var results = Append(writer, TestLog.Single("a"), TestLog.Single("b"));

        Assert.Equal([AppendStatus.InDoubt, AppendStatus.Unavailable], results.Select(result => result.Status));
        Heal();
        writer.Step();

        // This process has cut it off before it accepted anything again.
        Assert.Equal(AppendStatus.Appended, Append(writer, TestLog.Single("c"))[0].Status);
        Assert.Equal(["c"], Users());
    }

    [Fact]
    public void L7_a_mark_that_cannot_be_written_stops_the_writer_but_what_is_on_disk_was_acknowledged()
    {
        var writer = Open();
        Fail(DiskOperation.Write, "durable.mark");
        var result = Append(writer, TestLog.Single("a", "key"))[0];
        Assert.Equal((AppendStatus.Appended, WriterState.Failed), (result.Status, writer.Status.State));
        Assert.Equal(AppendStatus.Repeated, Append(writer, TestLog.Single("a", "key"))[0].Status);

        writer.Step();
        Assert.Equal(WriterState.Failed, writer.Status.State);
        Heal();
        writer.Step();
        Assert.Equal((WriterState.Running, AppendStatus.Repeated), (writer.Status.State, Append(writer, TestLog.Single("a", "key"))[0].Status));
        Assert.Equal(["a"], Users());
    }

    [Fact]
    public void L7_a_log_json_that_vanished_or_changed_keeps_the_writer_stopped()
    {
        var writer = Open();
        Fail(DiskOperation.Flush, Segment);
        Append(writer, TestLog.Single("a"));
        Heal();
        _disk.Entries.Remove(SimulatedLog.File("log.json"));
        writer.Step();

        Assert.Equal(WriterState.Failed, writer.Status.State);
        Assert.Contains("log.json", writer.Status.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void L7_a_disk_that_is_full_at_the_start_does_not_prevent_it()
    {
        Open();
        var files = _disk.Start();
        Fail(DiskOperation.Write, Segment);
        var next = SimulatedLog.Open(_disk, files);

        Assert.Equal(WriterState.Failed, next.Status.State);
        Assert.Equal(AppendStatus.Unavailable, Append(next, TestLog.Single("c"))[0].Status);
        Heal();
        next.Step();
        Assert.Equal(AppendStatus.Appended, Append(next, TestLog.Single("c"))[0].Status);
    }

    [Fact]
    public async Task L7_the_thread_recovers_by_itself_when_the_folder_comes_back()
    {
        using var directory = new TempDirectory();
        var folder = directory.File("log");
        await using var writer = TestLog.Open(TestLog.Options(folder, options => options.SegmentBytes = 100));
        Assert.Equal(AppendStatus.Appended, (await TestLog.AppendAsync(writer, TestLog.Group(["a", "b"]))).Status);

        // The next append must seal the segment in a folder that is not there.
        Directory.Move(folder, folder + ".moved");
        Assert.Equal(AppendStatus.Unavailable, (await TestLog.AppendAsync(writer, TestLog.Single("c"))).Status);
        Assert.Equal(WriterState.Failed, writer.Status.State);
        Directory.Move(folder + ".moved", folder);
        var deadline = DateTime.UtcNow.AddSeconds(20);
        while (writer.Status.State != WriterState.Running && DateTime.UtcNow < deadline)
        {
            await Task.Delay(10);
        }

        Assert.Equal(AppendStatus.Appended, (await TestLog.AppendAsync(writer, TestLog.Single("c"))).Status);
        using var reader = EventLogReader.Open(folder);
        Assert.Equal(3, TestLog.Lines(TestLog.ReadAll(reader).Text).Length);
    }

    [Fact]
    public void L7_a_file_system_that_turns_read_only_refuses_everything_until_it_can_be_written_again()
    {
        var writer = Open();
        Append(writer, TestLog.Single("a"));
        _disk.Fails = (_, _) => true;
        Assert.Equal(AppendStatus.InDoubt, Append(writer, TestLog.Single("b", "key"))[0].Status);
        for (var i = 0; i < 3; i++)
        {
            writer.Step();
            Assert.Equal(WriterState.Failed, writer.Status.State);
        }

        Heal();
        writer.Step();
        Assert.Equal(WriterState.Running, writer.Status.State);
        Assert.Equal(AppendStatus.Appended, Append(writer, TestLog.Single("b", "key"))[0].Status);
        Assert.Equal(["a", "b"], Users());
    }

    [Fact]
    public void Only_what_the_disk_refuses_is_reported_as_a_failure_of_the_disk()
    {
        var lines = new Lines();
        var writer = SimulatedLog.Open(_disk, _disk.Start(), loggers: lines);
        _disk.Fails = (operation, _) => operation == DiskOperation.Write ? throw new InvalidOperationException("a bug") : false;
        Append(writer, TestLog.Single("a"));
        var line = Assert.Single(lines.Since(LogLevel.Error));
        Assert.Contains("an error in this program", line, StringComparison.Ordinal);
        Assert.Contains("InvalidOperationException: a bug", line, StringComparison.Ordinal);
        Assert.DoesNotContain("disk", line.Split('\n')[0], StringComparison.Ordinal);
        Heal();
        writer.Step();
        Fail(DiskOperation.Write, Segment);
        Append(writer, TestLog.Single("b"));
        Assert.Contains("the disk failed", lines.Since(LogLevel.Error)[^1], StringComparison.Ordinal);
    }

    private static AppendResult[] Append(EventLogWriter writer, params AppendGroup[] groups) => SimulatedLog.Append(writer, groups);

    private EventLogWriter Open() => SimulatedLog.Open(_disk, _disk.Running is { IsDead: false } files ? files : _disk.Start());

    private void Fail(DiskOperation operation, string name) => _disk.Fails = (o, path) => o == operation && path.EndsWith(name, StringComparison.Ordinal);

    private void Heal() => _disk.Fails = (_, _) => false;

    private List<string> Users() => ModelGroup.UsersIn(System.Text.Encoding.UTF8.GetBytes(SimulatedLog.ReadAll(_disk).Text));
}
