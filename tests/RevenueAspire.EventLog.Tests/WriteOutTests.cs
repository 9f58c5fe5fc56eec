using RevenueAspire.EventLog.Storage;
using RevenueAspire.EventLog.Tests.Simulation;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Tests;

/// <summary>Large groups are written out while they are copied. These tests cover errors of that write-out.</summary>
public sealed class WriteOutTests
{
    private static readonly string[] Many = [.. Enumerable.Range(0, 75_000).Select(i => $"user{i}")];

    private readonly SimulatedDisk _disk = new(new Random(11));

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void L7_a_failed_write_out_of_any_piece_is_undone_and_refused_and_the_log_recovers(int piece)
    {
        var writer = SimulatedLog.Open(_disk, _disk.Start(), options => options.SegmentBytes = 1 << 20);
        Assert.Equal(AppendStatus.Appended, SimulatedLog.Append(writer, TestLog.Single("a"))[0].Status);
        var mark = writer.DurableMark;
        var pieces = 0;
        _disk.Fails = (operation, _) => operation == DiskOperation.StartWriteOut && ++pieces == piece;

        var refused = SimulatedLog.Append(writer, TestLog.Single("b", "k1"), TestLog.Group(Many, "k2"), TestLog.Single("c", "k3"));

        Assert.Equal(piece, pieces);
        Assert.All(refused, result => Assert.Equal(AppendStatus.Unavailable, result.Status));
        Assert.Equal((mark, mark), (writer.DurableMark, _disk.Entries[SimulatedLog.File($"{0:D20}.jsonl")].Length));
        writer.Step();
        Assert.All(
            SimulatedLog.Append(writer, TestLog.Single("b", "k1"), TestLog.Group(Many, "k2"), TestLog.Single("c", "k3")),
            result => Assert.Equal(AppendStatus.Appended, result.Status));

        // The next append seals the segment. Its checksums must match the bytes in the file, not those that were cut off.
        Assert.Equal(AppendStatus.Appended, SimulatedLog.Append(writer, TestLog.Single("d"))[0].Status);
        _disk.CutPower();
        SimulatedLog.Open(_disk, _disk.Start());
        var (text, damage) = SimulatedLog.ReadAll(_disk);
        Assert.Empty(damage);
        Assert.Equal(["a", "b", .. Many, "c", "d"], ModelGroup.UsersIn(System.Text.Encoding.UTF8.GetBytes(text)));
    }

    [Fact]
    public void L7_a_failed_write_out_that_cannot_be_cut_off_is_in_doubt()
    {
        var writer = SimulatedLog.Open(_disk, _disk.Start());
        _disk.Fails = (operation, _) => operation is DiskOperation.StartWriteOut or DiskOperation.Truncate;
        Assert.Equal(AppendStatus.InDoubt, SimulatedLog.Append(writer, TestLog.Group(Many, "k"))[0].Status);
        _disk.Fails = (_, _) => false;
        writer.Step();

        Assert.Equal(AppendStatus.Appended, SimulatedLog.Append(writer, TestLog.Group(Many, "k"))[0].Status);
        Assert.Equal(Many, ModelGroup.UsersIn(System.Text.Encoding.UTF8.GetBytes(SimulatedLog.ReadAll(_disk).Text)));
    }

    [Fact]
    public void A_file_system_without_support_for_write_out_is_no_error()
    {
        using var directory = new TempDirectory();
        using var file = PhysicalFileSystem.Instance.Open(directory.File("a"), OpenKind.CreateNew);
        file.Write(new byte[2 << 20], 0);
        file.StartWriteOut(0, 1 << 20);
        file.Flush();
        Assert.Equal(2 << 20, file.Length);

        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs /dev/null, a device without pages to write");
        using var device = PhysicalFileSystem.Instance.Open("/dev/null", OpenKind.Write);
        device.StartWriteOut(0, 1 << 20);
    }
}
