using RevenueAspire.EventLog.Format;
using RevenueAspire.EventLog.Tests.Simulation;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Tests;

/// <summary>Rule L10: the bytes that retention may remove, and those it must keep.</summary>
public sealed class RetentionTests : IDisposable
{
    private const long SegmentBytes = 20_000;
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task L10_only_applied_segments_beyond_the_bytes_to_keep_are_removed_oldest_first()
    {
        await using var writer = Open();
        await AppendAsync(writer, segments: 10);
        var starts = Starts();

        Assert.Equal(0, writer.Files().Retention.RemoveApplied(appliedThrough: 0, retainBytes: 0));
        Assert.Equal(0, writer.Files().Retention.RemoveApplied(writer.DurableMark, retainBytes: writer.DurableMark));
        Assert.Equal(starts, Starts());

        // The 64 KB before the applied offset stay. So every segment that ends after their beginning stays.
        Assert.Equal(starts[2], writer.Files().Retention.RemoveApplied(starts[2] + (64 * 1024) + 1, retainBytes: 0));
        Assert.Equal(starts[2..], Starts());
        Assert.Equal(starts[2], writer.Files().FirstOffset);
        Assert.Empty(Directory.GetFiles(_directory.Path, LogFiles.Seal(0)));

        writer.Files().Retention.RemoveApplied(long.MaxValue, retainBytes: 0);
        Assert.Equal(starts.Last(start => start <= writer.DurableMark - (64 * 1024)), Starts()[0]);
        using var reader = EventLogReader.Open(_directory.Path);
        Assert.Empty(TestLog.ReadAll(reader).Damage);
        Assert.Equal(Starts()[0], reader.FirstOffset);
    }

    [Fact]
    public async Task L10_a_segment_with_remembered_keys_stays_and_so_do_all_later_ones()
    {
        await using (var writer = Open(keyWindow: 2))
        {
            await TestLog.AppendAsync(writer, TestLog.Single("first", "key-1"));
            await AppendAsync(writer, segments: 10);
            Assert.Equal(0, writer.Files().Retention.RemoveApplied(long.MaxValue, retainBytes: 0));
            Assert.Equal(AppendStatus.Repeated, (await TestLog.AppendAsync(writer, TestLog.Single("first", "key-1"))).Status);

            await TestLog.AppendAsync(writer, TestLog.Single("second", "key-2"));
            await TestLog.AppendAsync(writer, TestLog.Single("third", "key-3"));
            var next = Starts()[1];
            Assert.True(writer.Files().KeysFrom < next);
        }

        // The key window begins after key-1, inside the first segment. That segment may be removed only when all its keys are forgotten.
        await using var again = Open(keyWindow: 2);
        Assert.Equal(0, again.Files().Retention.RemoveApplied(long.MaxValue, retainBytes: 0));
        await AppendAsync(again, segments: 5);
        await TestLog.AppendAsync(again, TestLog.Single("fourth", "key-4"));
        Assert.True(again.Files().Retention.RemoveApplied(long.MaxValue, retainBytes: 0) > 0);
        Assert.Equal(AppendStatus.Repeated, (await TestLog.AppendAsync(again, TestLog.Single("third", "key-3"))).Status);
    }

    [Fact]
    public async Task L10_a_reader_whose_last_known_segment_was_removed_reads_later_segments()
    {
        await using var writer = Open();
        await AppendAsync(writer, segments: 2);
        using var reader = EventLogReader.Open(_directory.Path);
        var known = Starts()[^1];
        var bytes = new byte[100];
        Assert.True(reader.Read(known, bytes).Count > 0);

        // Meanwhile other processors apply new events, and retention removes them.
        await AppendAsync(writer, segments: 10);
        writer.Files().Retention.RemoveApplied(long.MaxValue, retainBytes: 0);
        Assert.True(Starts()[0] > known, "the segment still exists");

        foreach (var start in Starts())
        {
            Assert.True(reader.Read(start + 1, bytes).Count > 0, $"nothing can be read at {start + 1}");
        }

        Assert.Equal(Starts()[0], reader.FirstOffset);
    }

    [Fact]
    public async Task L9_L10_the_same_keys_are_remembered_before_and_after_a_restart()
    {
        long keysFrom, firstOffset;
        await using (var writer = Open())
        {
            await AppendAsync(writer, segments: 10);
            await TestLog.AppendAsync(writer, TestLog.Single("keyed", "key"));
            Assert.True(writer.Files().Retention.RemoveApplied(long.MaxValue, retainBytes: 0) > 0);
            (keysFrom, firstOffset) = (writer.Files().KeysFrom, writer.Files().FirstOffset);
        }

        await using var again = Open();
        Assert.Equal((keysFrom, firstOffset), (again.Files().KeysFrom, again.Files().FirstOffset));
        Assert.False(again.Files().LastRecovery.HasLoss);
        Assert.Equal(AppendStatus.Repeated, (await TestLog.AppendAsync(again, TestLog.Single("keyed", "key"))).Status);
    }

    [Fact]
    public async Task L10_nothing_is_removed_while_a_reader_pins_the_log()
    {
        await using var writer = Open();
        await AppendAsync(writer, segments: 10);
        var pins = new[] { LogPin.Take(_directory.Path), LogPin.Take(_directory.Path) };
        Assert.Equal(0, writer.Files().Retention.RemoveApplied(long.MaxValue, retainBytes: 0));
        pins[0].Dispose();
        Assert.Equal(0, writer.Files().Retention.RemoveApplied(long.MaxValue, retainBytes: 0));
        pins[1].Dispose();
        Assert.True(writer.Files().Retention.RemoveApplied(long.MaxValue, retainBytes: 0) > 0);
    }

    [Fact]
    public async Task L10_a_continuing_reader_closes_removed_segments_and_so_frees_their_space()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "only Linux lists the open files of a process");
        await using var writer = Open();
        using var reader = EventLogReader.Open(_directory.Path);
        await AppendAsync(writer, segments: 10);
        TestLog.ReadAll(reader);
        Assert.True(writer.Files().Retention.RemoveApplied(long.MaxValue, retainBytes: 0) > 0);
        Assert.NotEmpty(OpenAndRemoved());

        await AppendAsync(writer, segments: 2);
        TestLog.ReadAll(reader);

        Assert.Empty(OpenAndRemoved());

        string[] OpenAndRemoved() => [.. Directory.EnumerateFileSystemEntries("/proc/self/fd").Select(path => new FileInfo(path).LinkTarget ?? "")
            .Where(target => target.StartsWith(_directory.Path, StringComparison.Ordinal) && target.EndsWith(" (deleted)", StringComparison.Ordinal))];
    }

    [Fact]
    public void L10_a_power_cut_at_any_step_of_a_removal_leaves_no_gap()
    {
        for (var step = 1; ; step++)
        {
            var disk = new SimulatedDisk(new Random(step));
            var writer = SimulatedLog.Open(disk, disk.Start(), options => options.SegmentBytes = SegmentBytes);
            for (var i = 0; i < 40; i++)
            {
                SimulatedLog.Append(writer, Large(i));
            }

            disk.CutAt = disk.Operations + step;
            var finished = false;
            try
            {
                writer.Files().Retention.RemoveApplied(long.MaxValue, retainBytes: 0);
                finished = true;
            }
            catch (PowerCutException)
            {
            }

            disk.CutPower();
            var next = SimulatedLog.Open(disk, disk.Start(), options => options.SegmentBytes = SegmentBytes);
            Assert.False(next.Files().LastRecovery.HasLoss, $"step {step}: {string.Join(", ", next.Files().LastRecovery.Gaps)}");
            Assert.Empty(SimulatedLog.ReadAll(disk).Damage);
            if (finished)
            {
                Assert.True(step > 6, "no power cut hit the removal");
                return;
            }
        }
    }

    private static AppendGroup Large(int number) => TestLog.Group([.. Enumerable.Range(0, 50).Select(user => $"user-{number}-{user}")]);

    private static async Task AppendAsync(EventLogWriter writer, int segments)
    {
        for (var end = writer.DurableMark + (segments * SegmentBytes); writer.DurableMark < end;)
        {
            Assert.Equal(AppendStatus.Appended, (await TestLog.AppendAsync(writer, Large(1))).Status);
        }
    }

    private EventLogWriter Open(int keyWindow = 1000) => TestLog.Open(TestLog.Options(_directory.Path, options =>
    {
        options.SegmentBytes = SegmentBytes;
        options.KeyWindow = keyWindow;
    }));

    private List<long> Starts() => LogFiles.Segments(Directory.GetFiles(_directory.Path).Select(path => Path.GetFileName(path)!));
}
