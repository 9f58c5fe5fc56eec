using Microsoft.Extensions.Logging;
using RevenueAspire.EventLog.Tests.Simulation;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Tests;

/// <summary>Rule L7: disk errors.</summary>
public sealed class FailureTests
{
    private const string Segment = "00000000000000000000.jsonl";
    private readonly SimulatedDisk _disk = new(new Random(7));

    [Fact]
    public void L7_a_failed_write_is_undone_and_refused_and_the_log_recovers()
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

        // The disk is still full, and the failed recovery attempt must leave no bytes.
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
    public void L7_a_failed_fsync_is_never_repeated_for_the_same_bytes()
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

        // The second flush makes only the truncation durable, because the bytes were cut off before it.
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
    public void L7_if_the_process_ends_after_a_failed_fsync_a_repeat_is_neither_lost_nor_doubled(bool powerCut)
    {
        // Try many outcomes, because the disk keeps random parts of the failed flush.
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
    public void L7_a_group_answered_as_not_appended_is_not_found_by_the_next_start(bool powerCut)
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

            // The process ends before recovery.
            if (powerCut)
            {
                disk.CutPower();
            }

            SimulatedLog.Open(disk, disk.Start());
            Assert.Equal(["a"], ModelGroup.UsersIn(System.Text.Encoding.UTF8.GetBytes(SimulatedLog.ReadAll(disk).Text)));
        }
    }

    [Fact]
    public void L7_if_a_write_cannot_be_cut_off_only_its_groups_are_in_doubt()
    {
        var writer = SimulatedLog.Open(_disk, _disk.Start(), options => options.CommitBytes = 1);
        _disk.Fails = (operation, _) => operation is DiskOperation.Flush or DiskOperation.Truncate;
        var results = Append(writer, TestLog.Single("a"), TestLog.Single("b"));

        Assert.Equal([AppendStatus.InDoubt, AppendStatus.Unavailable], results.Select(result => result.Status));
        Heal();
        writer.Step();

        // The writer must have cut off the bytes before it accepted another append.
        Assert.Equal(AppendStatus.Appended, Append(writer, TestLog.Single("c"))[0].Status);
        Assert.Equal(["c"], Users());
    }

    [Fact]
    public void L7_a_failed_write_of_the_mark_stops_the_writer_after_the_groups_were_acknowledged()
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
    public void L7_the_writer_does_not_recover_while_log_json_is_missing_or_changed()
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
    public void L7_a_full_disk_does_not_prevent_the_start()
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
    public async Task L7_the_writer_thread_recovers_when_the_folder_comes_back()
    {
        using var directory = new TempDirectory();
        var folder = directory.File("log");
        await using var writer = TestLog.Open(TestLog.Options(folder, options => options.SegmentBytes = 100));
        Assert.Equal(AppendStatus.Appended, (await TestLog.AppendAsync(writer, TestLog.Group(["a", "b"]))).Status);

        // The next append would seal the segment, but the folder is gone.
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
    public void L7_while_the_file_system_is_read_only_appends_are_refused()
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
    public void Only_a_disk_error_is_reported_as_a_disk_failure()
    {
        var lines = new Lines();
        var writer = SimulatedLog.Open(_disk, _disk.Start(), loggers: lines);
        _disk.Fails = (operation, _) => operation == DiskOperation.Write ? throw new InvalidOperationException("a bug") : false;
        Append(writer, TestLog.Single("a"));
        var line = Assert.Single(lines.Since(LogLevel.Error));
        Assert.Contains("a bug in this program", line, StringComparison.Ordinal);
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
