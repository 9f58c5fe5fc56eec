using RevenueAspire.Processor.Tests.Support;
using RevenueAspire.Processor.Verifying;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.Verifying;

/// <summary>verify searches for the counted content, because a path may later have other content.</summary>
public sealed class VerifySearchTests
{
    [Fact]
    public async Task M10_rotated_files_are_found_next_to_the_path_at_which_they_were_counted()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var current = ledger.Folder.File("current.jsonl");
        EventFile[] days = [.. Enumerable.Range(1, 3).Select(day => new EventFile().Add("a", day).Add($"user{day}", day))];
        foreach (var (index, day) in days.Index())
        {
            await File.WriteAllBytesAsync(current, day.Bytes);
            await ledger.ProcessAsync(current);
            if (index == 0)
            {
                await File.WriteAllBytesAsync(ledger.Folder.File("current.jsonl.gz"), Gzip.Compress(day.Bytes));
                File.Delete(current);
            }
            else if (index == 1)
            {
                File.Move(current, ledger.Folder.File("current.jsonl.1"));
            }
        }

        var (result, differences) = await ledger.VerifyAsync();
        Assert.Empty(differences);
        Assert.True(result.ExitCode == 0, string.Join("; ", result.Unread));
        Assert.All(result.Reports, report => Assert.Equal(SourceState.Equal, report.State));
    }

    [Fact]
    public async Task M10_verify_searches_every_path_that_a_content_has_had()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var file = new EventFile().Add("a", 1);
        Directory.CreateDirectory(ledger.Folder.File("one"));
        Directory.CreateDirectory(ledger.Folder.File("two"));
        var first = ledger.Write("one/a.jsonl", file.Bytes);
        var second = ledger.Write("two/b.jsonl", file.Bytes);
        await ledger.ProcessAsync(first);
        await ledger.ProcessAsync(second);
        Directory.Delete(ledger.Folder.File("two"), recursive: true);
        Assert.Equal(0, (await ledger.VerifyAsync()).Result.ExitCode);
    }

    [Theory]
    [InlineData("/dev/stdin")]
    [InlineData("/proc/self/fd/0")]
    [InlineData("link")]
    public async Task M10_a_temporary_path_is_not_kept(string given)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux has paths for descriptors.");
        await using var ledger = await LedgerFixture.CreateAsync();
        var path = ledger.Write("a.jsonl", new EventFile().Add("a", 1).Bytes);
        await ledger.ProcessAsync(path);
        if (given == "link")
        {
            given = ledger.Folder.File("link");
            File.CreateSymbolicLink(given, path);
        }

        await using var run = await ServiceProcess.RunAsync(
            "RevenueAspire.Processor", ["process", given], new Dictionary<string, string?> { ["ConnectionStrings__revenuedb"] = ledger.ConnectionString },
            redirections: $"<'{path}'");
        Assert.Contains("already counted", run.Output, StringComparison.Ordinal);
        Assert.Equal(path, await ledger.ScalarAsync<string>("select name from event_source"));
        Assert.Equal(path, await ledger.ScalarAsync<string>("select string_agg(path, ' ') from event_source_path"));
        Assert.Equal(0, (await ledger.VerifyAsync()).Result.ExitCode);
    }

    [Fact]
    public async Task Named_files_and_folders_are_searched_and_a_missing_one_is_reported()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var path = ledger.Write("a.jsonl", new EventFile().Add("a", 1).Bytes);
        await ledger.ProcessAsync(path);
        Directory.CreateDirectory(ledger.Folder.File("archive"));
        var moved = ledger.Folder.File("archive/x");
        await File.WriteAllBytesAsync(moved, Gzip.Compress(new EventFile().Add("a", 1).Bytes));
        File.Delete(path);
        var environment =
            new Dictionary<string, string?> { ["ConnectionStrings__revenuedb"] = ledger.ConnectionString, ["Data__Directory"] = ledger.Folder.Path };
        foreach (var (code, place) in ((int, string?)[])[(1, null), (0, moved), (0, ledger.Folder.File("archive")), (1, ledger.Folder.File("nowhere"))])
        {
            await using var run = await ServiceProcess.RunAsync("RevenueAspire.Processor", place is null ? ["verify"] : ["verify", place], environment);
            Assert.True(run.ExitCode == code, run.Output);
            if (code == 1)
            {
                Assert.Contains(place ?? path, Assert.Single(run.StandardError), StringComparison.Ordinal);
                Assert.Contains("no such file", run.StandardError[0], StringComparison.Ordinal);
            }
        }
    }
}
