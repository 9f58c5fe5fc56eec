using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests.Documents;

/// <summary>docs/operations.md, Retention: the removed data, the kept data, and the report of <c>verify</c> afterwards.</summary>
public sealed class RetentionTests
{
    private const long SegmentBytes = 65536;

    [Fact]
    public async Task Applied_segments_except_the_last_are_removed_and_verify_reports_that_it_cannot_recompute_balances()
    {
        await using var installation = await Installation.CreateAsync();
        installation.Settings["EventLog__SegmentBytes"] = $"{SegmentBytes}";
        installation.Settings["EventLog__Retention"] = "Applied";
        installation.Settings["EventLog__RetainBytes"] = $"{2 * SegmentBytes}";
        installation.Settings["EventLog__KeyWindow"] = "64";
        await installation.StartApiAsync();
        var processor = installation.StartProcessor();
        var file = EventFile.Write(installation.File("input.jsonl"),
            Seed.Random(nameof(Applied_segments_except_the_last_are_removed_and_verify_reports_that_it_cannot_recompute_balances)), events: 10_000, users: 50);
        await using (var send = await installation.RunAsync("RevenueAspire.Client", "send", file.Path, "--batch", "10", "--concurrency", "4"))
        {
            Assert.True(send.ExitCode == 0, send.Output);
        }

        await Eventually.IsTrueAsync(() => FirstOffset(installation) > 0);
        await Eventually.IsTrueAsync(() => Kept(installation) < 5 * SegmentBytes);
        Assert.InRange(Kept(installation), 2 * SegmentBytes, long.MaxValue);

        // The balances are unchanged, but verify can no longer recompute them.
        await Eventually.EqualsAsync("", async () => file.Totals.DifferenceTo(await installation.LedgerAsync()));
        await AssertCannotCheckAsync(installation, "retention has removed its beginning");

        // Processing continues, even by a processor that starts after the removed part.
        Assert.Equal(0, await processor.TerminateAsync(TimeSpan.FromSeconds(40)));
        installation.StartProcessor();
        var e = new RevenueEvent("after retention", "add_revenue", 5);
        Assert.Equal(5, await installation.RevenueAfterAsync(e.UserId, await installation.PostUntilAcknowledgedAsync(e, "after-retention")));
    }

    [Fact]
    public async Task A_processed_file_can_be_removed_and_its_rejected_lines_deleted_but_verify_cannot_check_it_then()
    {
        await using var installation = await Installation.CreateAsync();
        var file = EventFile.Write(installation.File("input.jsonl"),
            Seed.Random(
            nameof(A_processed_file_can_be_removed_and_its_rejected_lines_deleted_but_verify_cannot_check_it_then)), events: 100, users: 5, badEvery: 10);
        await using (var process = await installation.RunAsync("RevenueAspire.Processor", "process", file.Path))
        {
            Assert.True(process.ExitCode == 3, process.Output);
        }

        await using (var source = Npgsql.NpgsqlDataSource.Create(installation.ConnectionString))
        {
            await using var delete = source.CreateCommand("delete from rejected_event");
            Assert.Equal(file.Rejected.Count, await delete.ExecuteNonQueryAsync());
        }

        await installation.AssertLedgerAsync(file.Totals);
        // Move the copy to another folder, because verify would find it next to the old path.
        using var elsewhere = new TempDirectory();
        var copy = elsewhere.File("copy.jsonl");
        File.Move(file.Path, copy);
        await AssertCannotCheckAsync(installation, file.Path);
        Assert.Equal("", file.Totals.DifferenceTo(await installation.LedgerAsync()));

        // A copy of the content under any name is the same file.
        await using (var process = await installation.RunAsync("RevenueAspire.Processor", "process", copy))
        {
            Assert.Contains("already counted", process.Output, StringComparison.Ordinal);
        }

        await installation.AssertLedgerAsync(file.Totals);
    }

    private static async Task AssertCannotCheckAsync(Installation installation, string reason)
    {
        await using var verify = await installation.RunAsync("RevenueAspire.Processor", "verify");
        Assert.True(verify.ExitCode == 1, verify.Output);
        Assert.Contains(reason, string.Join('\n', verify.StandardError), StringComparison.Ordinal);
    }

    private static long FirstOffset(Installation installation) => Segments(installation).Min();

    /// <summary>Bytes of the log on disk.</summary>
    private static long Kept(Installation installation) => Directory.GetFiles(installation.File("events"), "*.jsonl").Sum(path => new FileInfo(path).Length);

    private static IEnumerable<long> Segments(Installation installation) =>
        Directory.GetFiles(installation.File("events"), "*.jsonl").Select(path => long.Parse(Path.GetFileNameWithoutExtension(path), null));
}
