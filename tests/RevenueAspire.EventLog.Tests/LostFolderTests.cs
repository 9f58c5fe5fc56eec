using Microsoft.Extensions.Logging;
using RevenueAspire.EventLog.Format;
using RevenueAspire.EventLog.Tests.Simulation;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Tests;

/// <summary>Rule L1: the log never acknowledges an event that is only in deleted files.</summary>
public sealed class LostFolderTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    private string Folder => _directory.File("log");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task L1_a_folder_deleted_under_the_writer_is_noticed_by_the_next_append()
    {
        await using var writer = await OpenWithOneAsync("a", "key");
        Directory.Delete(Folder, recursive: true);

        var refused = await TestLog.AppendAsync(writer, TestLog.Single("b"));

        Assert.Equal((AppendStatus.Unavailable, WriterState.Failed), (refused.Status, writer.Status.State));
        Assert.Contains("deleted, moved or replaced", refused.Error, StringComparison.Ordinal);
        Assert.Contains(Folder, writer.Status.Reason, StringComparison.Ordinal);

        // The record with this key is also lost, so its first answer must not be repeated.
        Assert.Equal(AppendStatus.Unavailable, (await TestLog.AppendAsync(writer, TestLog.Single("a", "key"))).Status);
        await Task.Delay(200);
        Assert.Equal(WriterState.Failed, writer.Status.State);
        Assert.False(Directory.Exists(Folder), "the writer must not recreate the folder silently");
    }

    [Fact]
    public async Task A_missing_folder_is_logged_once_per_reason_and_not_per_attempt()
    {
        var log = new Lines();
        await using var writer = TestLog.Open(TestLog.Options(Folder), log);
        Directory.Delete(Folder, recursive: true);
        await TestLog.AppendAsync(writer, TestLog.Single("a"));

        // The writer retries after 0, 50, 100, 200 and 400 ms.
        await Task.Delay(1000);

        var reported = log.Since(LogLevel.Warning);
        Assert.InRange(reported.Count, 1, 2);
        Assert.All(reported, line => Assert.DoesNotContain("\n", line, StringComparison.Ordinal));
        Assert.Contains("deleted, moved or replaced", reported[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task L1_a_folder_deleted_under_an_idle_writer_is_noticed_too()
    {
        await using var writer = await OpenWithOneAsync("a");
        Directory.Delete(Folder, recursive: true);

        // By now, the first recovery attempt may have added details to the reason.
        await Eventually.IsTrueAsync(() => writer.Status.State == WriterState.Failed && writer.Status.Reason!.Contains("log.json", StringComparison.Ordinal));
    }

    [Fact]
    public async Task L1_a_folder_recreated_by_a_second_writer_belongs_to_that_writer()
    {
        await using var first = await OpenWithOneAsync("a");
        Directory.Delete(Folder, recursive: true);
        await using var second = TestLog.Open(Folder);

        Assert.Equal(AppendStatus.Unavailable, (await TestLog.AppendAsync(first, TestLog.Single("b"))).Status);
        Assert.Equal(AppendStatus.Appended, (await TestLog.AppendAsync(second, TestLog.Single("c"))).Status);
        await Eventually.IsTrueAsync(() => first.Status.Reason?.Contains("another log", StringComparison.Ordinal) == true);
        await Task.Delay(200);

        Assert.Equal((WriterState.Failed, WriterState.Running), (first.Status.State, second.Status.State));
        Assert.Equal(["c"], Users());
    }

    [Fact]
    public async Task L1_L2_a_full_segment_is_not_sealed_into_another_writer_s_folder()
    {
        await using var first = TestLog.Open(TestLog.Options(Folder, options => options.SegmentBytes = 1));
        await TestLog.AppendAsync(first, TestLog.Single("a"));
        Directory.Delete(Folder, recursive: true);
        await using var second = TestLog.Open(Folder);
        var files = Directory.GetFiles(Folder).Order().ToArray();

        Assert.Equal(AppendStatus.Unavailable, (await TestLog.AppendAsync(first, TestLog.Single("b"))).Status);

        Assert.Equal(files, Directory.GetFiles(Folder).Order());
    }

    [Fact]
    public async Task L1_when_a_moved_folder_is_back_appends_continue_and_refused_events_are_not_in_it()
    {
        await using var writer = await OpenWithOneAsync("a");
        Directory.Move(Folder, Folder + ".moved");
        Assert.Equal(AppendStatus.Unavailable, (await TestLog.AppendAsync(writer, TestLog.Single("b"))).Status);
        Directory.Move(Folder + ".moved", Folder);

        await Eventually.IsTrueAsync(() => writer.Status.State == WriterState.Running);

        Assert.Equal(AppendStatus.Appended, (await TestLog.AppendAsync(writer, TestLog.Single("c"))).Status);
        Assert.Equal(["a", "c"], Users());
    }

    [Fact]
    public async Task L1_a_copy_that_another_writer_holds_stays_unchanged()
    {
        await using var writer = await OpenWithOneAsync("a");
        Directory.Move(Folder, Folder + ".moved");
        Copy(Folder + ".moved", Folder);
        await using (var other = TestLog.Open(Folder))
        {
            Assert.Equal(AppendStatus.Unavailable, (await TestLog.AppendAsync(writer, TestLog.Single("b"))).Status);
            Assert.Equal(AppendStatus.Appended, (await TestLog.AppendAsync(other, TestLog.Single("c"))).Status);
            await Eventually.IsTrueAsync(() => writer.Status.Reason?.Contains("another process", StringComparison.Ordinal) == true);
        }

        // The other writer has ended, so the log continues after its acknowledged events.
        await Eventually.IsTrueAsync(() => writer.Status.State == WriterState.Running);
        Assert.Equal(AppendStatus.Appended, (await TestLog.AppendAsync(writer, TestLog.Single("d"))).Status);
        Assert.Equal(["a", "c", "d"], Users());
    }

    [Fact]
    public async Task L1_restoring_an_older_copy_does_not_issue_an_offset_again()
    {
        await using var writer = await OpenWithOneAsync("a");
        Copy(Folder, Folder + ".copy");
        var last = await TestLog.AppendAsync(writer, TestLog.Single("b"));
        Directory.Delete(Folder, recursive: true);
        Assert.Equal(AppendStatus.Unavailable, (await TestLog.AppendAsync(writer, TestLog.Single("c"))).Status);
        Directory.Move(Folder + ".copy", Folder);

        await Eventually.IsTrueAsync(() => writer.Status.State == WriterState.Running);

        Assert.Equal([new LogRange(last.Receipt.Offset, writer.DurableMark)], writer.Files().LastRecovery.Gaps);
        Assert.True((await TestLog.AppendAsync(writer, TestLog.Single("d"))).Receipt.Offset > last.Receipt.Offset);
        Assert.Equal(["a", "d"], Users());
    }

    [Theory]
    [InlineData("writer.lock")]
    [InlineData("durable.mark")]
    [InlineData("00000000000000000000.jsonl")]
    public void L1_a_commit_is_acknowledged_only_if_each_open_file_is_still_at_its_path(string name)
    {
        var disk = new SimulatedDisk(new Random(3));
        var writer = SimulatedLog.Open(disk, disk.Start());
        SimulatedLog.Append(writer, TestLog.Single("a"));
        var mark = writer.DurableMark;
        disk.Entries.Remove(SimulatedLog.File(name), out var removed);

        var refused = SimulatedLog.Append(writer, TestLog.Single("b"))[0];

        Assert.Equal((AppendStatus.Unavailable, WriterState.Failed), (refused.Status, writer.Status.State));
        Assert.Contains(name, refused.Error, StringComparison.Ordinal);
        Assert.Equal(mark, writer.DurableMark);
        disk.Entries[SimulatedLog.File(name)] = removed!;
        writer.Step();
        Assert.Equal(AppendStatus.Appended, SimulatedLog.Append(writer, TestLog.Single("c"))[0].Status);
        Assert.Equal(["a", "c"], ModelGroup.UsersIn(System.Text.Encoding.UTF8.GetBytes(SimulatedLog.ReadAll(disk).Text)));
    }

    [Fact]
    public async Task L1_log_json_of_another_log_is_noticed()
    {
        await using var writer = await OpenWithOneAsync("a");
        var path = Path.Combine(Folder, "log.json");
        var own = await File.ReadAllTextAsync(path);
        await File.WriteAllTextAsync(path, own.Replace(writer.LogId.ToString(), Guid.NewGuid().ToString(), StringComparison.Ordinal));
        await Eventually.IsTrueAsync(() => writer.Status.State == WriterState.Failed);

        Assert.Equal(AppendStatus.Unavailable, (await TestLog.AppendAsync(writer, TestLog.Single("b"))).Status);
        await File.WriteAllTextAsync(path, own);
        await Eventually.IsTrueAsync(() => writer.Status.State == WriterState.Running);
        Assert.Equal(AppendStatus.Appended, (await TestLog.AppendAsync(writer, TestLog.Single("c"))).Status);
    }

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(from).Where(file => Path.GetFileName(file) != "writer.lock"))
        {
            // Copy by hand, because File.Copy fails while the writer has the file open.
            using var source = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var target = File.Create(Path.Combine(to, Path.GetFileName(file)));
            source.CopyTo(target);
        }
    }

    private async Task<EventLogWriter> OpenWithOneAsync(string user, string? key = null)
    {
        var writer = TestLog.Open(Folder);
        Assert.Equal(AppendStatus.Appended, (await TestLog.AppendAsync(writer, TestLog.Single(user, key))).Status);
        return writer;
    }

    private List<string> Users()
    {
        using var reader = EventLogReader.Open(Folder);
        return ModelGroup.UsersIn(System.Text.Encoding.UTF8.GetBytes(TestLog.ReadAll(reader).Text));
    }
}
