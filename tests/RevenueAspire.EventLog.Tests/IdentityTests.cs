using RevenueAspire.EventLog.Tests.Simulation;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Tests;

/// <summary>Rule L1: one writer, one identity.</summary>
public sealed class IdentityTests
{
    [Fact]
    public async Task L1_a_second_writer_is_refused_until_the_first_ends()
    {
        using var directory = new TempDirectory();
        await using (TestLog.Open(directory.Path))
        {
            var e = Assert.Throws<EventLogException>(() => TestLog.Open(directory.Path));
            Assert.Contains(directory.Path, e.Message, StringComparison.Ordinal);
            Assert.Contains("another process writes this log", e.Message, StringComparison.Ordinal);
        }

        await using var next = TestLog.Open(directory.Path);
        Assert.Equal(WriterState.Running, next.Status.State);
    }

    [Fact]
    public void L1_a_lock_file_that_cannot_be_opened_is_not_reported_as_held()
    {
        using var directory = new TempDirectory();
        Directory.CreateDirectory(directory.File("writer.lock"));

        var e = Assert.Throws<EventLogException>(() => TestLog.Open(directory.Path));

        Assert.Contains("writer.lock cannot be opened", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("another process", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Many_threads_can_look_up_records_until_the_log_is_closed()
    {
        using var directory = new TempDirectory();
        EventLogWriter writer;
        await using (writer = TestLog.Open(directory.Path))
        {
            var receipt = (await TestLog.AppendAsync(writer, TestLog.Single("a"))).Receipt;
            Assert.All(await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(() => writer.Files().IsRecord(receipt.Offset)))), Assert.True);
        }

        Assert.Throws<EventLogException>(() => writer.Files().IsRecord(0));
    }

    [Theory]
    [InlineData("00000000000000000000.jsonl")]
    [InlineData("00000000000000000000.seal")]
    [InlineData("durable.mark")]
    public void L1_log_files_without_log_json_are_refused_and_left_unchanged(string name)
    {
        using var directory = new TempDirectory();
        File.WriteAllText(directory.File(name), "x");

        Assert.Throws<EventLogException>(() => TestLog.Open(directory.Path));
        Assert.Equal("x", File.ReadAllText(directory.File(name)));
        Assert.False(EventLogReader.IsLog(directory.Path));
        Assert.Throws<EventLogException>(() => EventLogReader.Open(directory.Path));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("""{"id":"nonsense","version":1,"created":"2026-01-01T00:00:00Z"}""")]
    [InlineData("""{"id":"4b1cdb9b-55ac-4e25-a0cd-0e3fb1a0a3f1","version":2,"created":"2026-01-01T00:00:00Z"}""")]
    public void L1_a_damaged_log_json_is_refused(string contents)
    {
        using var directory = new TempDirectory();
        File.WriteAllText(directory.File("log.json"), contents);

        Assert.Contains("log.json", Assert.Throws<EventLogException>(() => TestLog.Open(directory.Path)).Message, StringComparison.Ordinal);
        Assert.Throws<EventLogException>(() => EventLogReader.Open(directory.Path));
    }

    [Fact]
    public async Task L1_a_deleted_and_recreated_folder_is_another_log()
    {
        using var directory = new TempDirectory();
        var folder = directory.File("log");
        Guid first;
        await using (var writer = TestLog.Open(folder))
        {
            first = writer.LogId;
        }

        Directory.Delete(folder, recursive: true);
        await using var again = TestLog.Open(folder);
        Assert.NotEqual(first, again.LogId);
    }

    [Fact]
    public void L1_log_json_is_durable_before_the_first_segment_is_created()
    {
        var disk = new SimulatedDisk(new Random(1));
        var operations = new List<string>();
        disk.Fails = (operation, path) =>
        {
            operations.Add($"{operation} {Path.GetFileName(path)}");
            return false;
        };
        SimulatedLog.Open(disk, disk.Start());
        var identity = operations.IndexOf("Rename log.json");

        Assert.Equal(["Create log.json.tmp", "Write log.json.tmp", "Flush log.json.tmp", "Rename log.json", "FlushDirectory log"], operations.Take(5));
        Assert.True(operations.IndexOf("Create 00000000000000000000.jsonl") > identity);
    }

    [Fact]
    public void A_folder_that_cannot_be_created_is_one_clear_error()
    {
        using var directory = new TempDirectory();
        File.WriteAllText(directory.File("file"), "");
        var e = Assert.Throws<EventLogException>(() => TestLog.Open(directory.File("file/log")));

        Assert.Contains("file/log", e.Message, StringComparison.Ordinal);
    }
}
