using RevenueAspire.EventLog.Tests.Simulation;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Tests;

/// <summary>Rules L2 and L4: group commit, its limits, and segments.</summary>
public sealed class CommitTests
{
    private readonly SimulatedDisk _disk = new(new Random(4));
    private readonly List<string> _operations = [];

    [Fact]
    public void L4_queued_groups_share_one_write_then_one_fsync_then_one_move_of_the_mark()
    {
        var writer = Open();
        _operations.Clear();
        var results = SimulatedLog.Append(writer, TestLog.Single("a"), TestLog.Group(["b", "c"]), TestLog.Single("d"));

        Assert.All(results, result => Assert.Equal(AppendStatus.Appended, result.Status));
        Assert.Equal(["Write 00000000000000000000.jsonl", "Flush 00000000000000000000.jsonl", "Write durable.mark"], _operations);
    }

    [Fact]
    public void L4_a_commit_is_limited_in_bytes_but_takes_one_larger_group_whole()
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
    public void L2_L4_a_full_segment_is_sealed_and_the_next_is_durable_before_its_first_write()
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
    public async Task L2_a_reader_finds_records_of_segments_created_after_it_was_opened()
    {
        using var directory = new TempDirectory();
        await using var writer = TestLog.Open(TestLog.Options(directory.Path, options => options.SegmentBytes = 300));
        using var reader = EventLogReader.Open(directory.Path);
        for (var i = 0; i < 20; i++)
        {
            var result = await TestLog.AppendAsync(writer, TestLog.Single($"u{i}"));
            if (!File.Exists(directory.File($"{result.Receipt.Offset:D20}.jsonl")))
            {
                // Skip the first record of a segment, because the reader recognises it by the last byte of the previous segment.
                Assert.True(reader.IsRecord(result.Receipt.Offset), $"{result.Receipt}");
                Assert.False(reader.IsRecord(result.Receipt.Offset + 1));
            }
        }

        Assert.True(Directory.GetFiles(directory.Path, "*.seal").Length > 3);
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
