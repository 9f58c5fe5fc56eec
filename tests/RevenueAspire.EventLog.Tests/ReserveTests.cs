using RevenueAspire.EventLog.Tests.Simulation;

namespace RevenueAspire.EventLog.Tests;

/// <summary>The zeros that the writer reserves after its data under load.</summary>
public sealed class ReserveTests
{
    private const int Reserve = 5000;
    private const string Segment = "00000000000000000000.jsonl";
    private readonly SimulatedDisk _disk = new(new Random(7));

    private int Length => _disk.Entries[SimulatedLog.File(Segment)].Length;

    [Fact]
    public void L4_under_load_room_is_reserved_and_used_and_freed_when_the_load_ends()
    {
        var writer = Open();
        SimulatedLog.Append(writer, TestLog.Single("alone"));
        Assert.Equal(writer.DurableMark, Length);

        AppendTogether(writer, "a", "b");
        var reserved = Length;
        Assert.True(reserved >= writer.DurableMark + Reserve);
        AppendTogether(writer, "c", "d");
        Assert.Equal(reserved, Length);
        Assert.Equal(["alone", "a", "b", "c", "d"], Users());

        writer.Step();
        Assert.Equal(writer.DurableMark, Length);
        Assert.Equal(["alone", "a", "b", "c", "d"], Users());
    }

    [Fact]
    public void L2_L8_a_segment_is_sealed_without_its_reserve()
    {
        var writer = Open(segmentBytes: 1);
        AppendTogether(writer, "a", "b");
        var end = writer.DurableMark;
        Assert.True(Length > end);
        AppendTogether(writer, "c", "d");
        Assert.Equal(end, Length);
        Assert.Equal(["a", "b", "c", "d"], Users());
    }

    [Fact]
    public void L4_a_closed_log_has_no_reserve()
    {
        var writer = Open();
        AppendTogether(writer, "a", "b");
        writer.Close();
        Assert.Equal(writer.DurableMark, Length);
    }

    [Fact]
    public void L7_a_disk_without_room_for_the_reserve_still_accepts_events()
    {
        var writer = Open();
        var writes = 0;
        _disk.Fails = (operation, path) => operation == DiskOperation.Write && path.EndsWith(Segment, StringComparison.Ordinal) && ++writes == 1;
        AppendTogether(writer, "a", "b");
        Assert.Equal((WriterState.Running, writer.DurableMark), (writer.Status.State, Length));

        // The writer does not retry the reserve with each commit.
        AppendTogether(writer, "c", "d");
        Assert.Equal((3, writer.DurableMark), (writes, Length));
        Assert.Equal(["a", "b", "c", "d"], Users());
    }

    [Fact]
    public void L7_a_failed_write_removes_the_reserve()
    {
        var writer = Open();
        AppendTogether(writer, "a", "b");
        _disk.Fails = (operation, path) => operation == DiskOperation.Write && path.EndsWith(Segment, StringComparison.Ordinal);
        Assert.Equal(AppendStatus.Unavailable, SimulatedLog.Append(writer, TestLog.Single("c"))[0].Status);
        Assert.Equal(writer.DurableMark, Length);
    }

    [Fact]
    public async Task L4_on_a_real_disk_the_idle_writer_removes_the_reserve()
    {
        using var directory = new Testing.TempDirectory();
        await using var writer = TestLog.Open(TestLog.Options(directory.Path, options => options.ReserveFromGroups = 1));
        await TestLog.AppendAsync(writer, TestLog.Single("a"));
        await Testing.Eventually.IsTrueAsync(() => new FileInfo(directory.File(Segment)).Length == writer.DurableMark);
        Assert.Equal(AppendStatus.Appended, (await TestLog.AppendAsync(writer, TestLog.Single("b"))).Status);
    }

    private static void AppendTogether(EventLogWriter writer, params string[] users) =>
        Assert.All(SimulatedLog.Append(writer, [.. users.Select(user => TestLog.Single(user))]), result => Assert.Equal(AppendStatus.Appended, result.Status));

    private EventLogWriter Open(long segmentBytes = 1 << 20) => SimulatedLog.Open(_disk, _disk.Start(), options =>
    {
        options.SegmentBytes = segmentBytes;
        options.ReserveFromGroups = 2;
        options.ReserveBytes = Reserve;
    });

    private List<string> Users() => ModelGroup.UsersIn(System.Text.Encoding.UTF8.GetBytes(SimulatedLog.ReadAll(_disk).Text));
}
