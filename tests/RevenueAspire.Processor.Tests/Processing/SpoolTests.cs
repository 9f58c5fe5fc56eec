using RevenueAspire.Processor.Tests.Support;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.Processing;

/// <summary>A file has more users than the process may hold in memory.</summary>
public sealed class SpoolTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData("process")]
    [InlineData("process --dry-run")]
    [InlineData("verify")]
    public async Task An_unwritable_spool_folder_is_reported_in_one_line_and_changes_nothing(string command)
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var file = EventFile.Random(Seed.Random(command), 500, 100);
        var path = ledger.Write("large.jsonl", file.Bytes);
        if (command == "verify")
        {
            await ledger.ProcessAsync(path);
        }

        // A file has the name of the expected folder.
        Directory.CreateDirectory(ledger.Folder.File("data"));
        File.WriteAllText(ledger.Folder.File("data/spool"), "");
        await using (var process = Start(ledger, command, path))
        {
            Assert.Equal(1, await process.WaitForExitAsync(Limit));
            var line = Assert.Single(process.StandardError, line => line.Contains("spool", StringComparison.Ordinal));
            Assert.Contains("cannot write users that do not fit in memory", line, StringComparison.Ordinal);
            Assert.DoesNotContain(process.StandardError, line => line.Contains("   at ", StringComparison.Ordinal));
        }

        Assert.Equal(command == "verify" ? 1 : 0, await ledger.ScalarAsync<long>("select count(*) from event_source where applied_through > 0"));
        Assert.Equal(0, await ledger.ScalarAsync<long>("select count(*) from event_range where lease_owner is not null"));

        // With a usable folder, the same command succeeds.
        File.Delete(ledger.Folder.File("data/spool"));
        await using var again = Start(ledger, command, path);
        Assert.Equal(0, await again.WaitForExitAsync(Limit));
    }

    [Fact]
    public async Task M4_a_kill_leaves_nothing_in_the_spool_folder_and_a_processor_with_more_memory_completes_the_file()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var file = EventFile.Random(
            Seed.Random(nameof(M4_a_kill_leaves_nothing_in_the_spool_folder_and_a_processor_with_more_memory_completes_the_file)), 3000, 400).Add("user5x", 1);
        var path = ledger.Write("large.jsonl", file.Bytes);
        await using (var held = await HeldUsers.TakeAsync(ledger, "user5x"))
        {
            // The process waits within a part, with its runs on disk.
            await using var killed = Start(ledger, "process", path);
            await Eventually.IsTrueAsync(() => ledger.ScalarAsync<bool>("select exists (select from event_part where merged_through <> '')"));
            await killed.KillAsync();
            Assert.Empty(Directory.GetFiles(ledger.Folder.File("data/spool")));
            await held.ReleaseAsync();
        }

        Assert.Equal(0, (await ledger.VerifyAsync()).Result.Differences);
        Assert.Equal("completed", (await ledger.ProcessAsync(path, new ProcessorOptions { LeaseSeconds = 1, Connections = 1 })).Result);
        await ledger.AssertBalancesAsync(file);
        Assert.Equal(0, (await ledger.VerifyAsync(LedgerFixture.Tiny())).Result.Differences);
    }

    [Fact]
    public async Task The_service_waits_for_disk_space_and_then_applies_the_backlog()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var file = EventFile.Random(Seed.Random(nameof(The_service_waits_for_disk_space_and_then_applies_the_backlog)), 2000, 100);
        await using var log = new TestLog(ledger.Folder.File("events"));
        await log.AppendAsync(file.Bytes);
        Directory.CreateDirectory(ledger.Folder.File("data"));
        File.WriteAllText(ledger.Folder.File("data/spool"), "");
        await using var service = Start(ledger, "", log.Directory);
        await service.WaitForLineAsync("its backlog is not applied, retrying");
        Assert.Empty(await ledger.BalancesAsync());
        File.Delete(ledger.Folder.File("data/spool"));
        await Eventually.IsTrueAsync(() => ledger.ScalarAsync<bool>($"select coalesce(max(applied_through), 0) = {log.Mark} from event_source"));
        await ledger.AssertBalancesAsync(file);
        Assert.Equal(0, await service.TerminateAsync());
    }

    /// <summary>Starts a command, or the service if the command is empty.</summary>
    private static ServiceProcess Start(LedgerFixture ledger, string command, string path) => ServiceProcess.Start(
        "RevenueAspire.Processor",
        command is "verify" ? [command] : command is "" ? [] : [.. command.Split(' '), path],
        new Dictionary<string, string?>
        {
            ["EventLog__Directory"] = command is "" ? path : null,
            ["Processor__LiveRangeBytes"] = "100",
            ["ConnectionStrings__revenuedb"] = ledger.ConnectionString,
            ["Data__Directory"] = ledger.Folder.File("data"),
            ["Processor__MaxUsersInMemory"] = "20",
            ["Processor__MergeBatchRows"] = "10",
            ["Processor__BlockBytes"] = "2000",
            ["Processor__LeaseSeconds"] = "1",
        });
}
