using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests.Documents;

/// <summary>docs/operations.md, Retention: what is removed, what is kept, and what <c>verify</c> says then.</summary>
public sealed class RetentionTests
{
    private const long SegmentBytes = 65536;

    [Fact]
    public async Task What_is_applied_goes_but_for_the_last_bytes_and_verify_says_that_balances_cannot_be_computed_again()
    {
        await using var installation = await Installation.CreateAsync();
        installation.Settings["EventLog__SegmentBytes"] = $"{SegmentBytes}";
        installation.Settings["EventLog__Retention"] = "Applied";
        installation.Settings["EventLog__RetainBytes"] = $"{2 * SegmentBytes}";
        installation.Settings["EventLog__KeyWindow"] = "64";
        await installation.StartApiAsync();
        var processor = installation.StartProcessor();
        var file = EventFile.Write(installation.File("input.jsonl"),
            Seed.Random(nameof(What_is_applied_goes_but_for_the_last_bytes_and_verify_says_that_balances_cannot_be_computed_again)), events: 10_000, users: 50);
        await using (var send = await installation.RunAsync("RevenueAspire.Client", "send", file.Path, "--batch", "10", "--concurrency", "4"))
        {
            Assert.True(send.ExitCode == 0, send.Output);
        }

        await Eventually.IsTrueAsync(() => FirstOffset(installation) > 0);
        await Eventually.IsTrueAsync(() => Kept(installation) < 5 * SegmentBytes);
        Assert.InRange(Kept(installation), 2 * SegmentBytes, long.MaxValue);

        // The balances are as they were, and nobody can compute them again.
        await Eventually.EqualsAsync("", async () => file.Totals.DifferenceTo(await installation.LedgerAsync()));
        await AssertCannotCheckAsync(installation, "retention has removed its beginning");

        // It goes on: with a processor that begins behind what was removed, too.
        Assert.Equal(0, await processor.TerminateAsync(TimeSpan.FromSeconds(40)));
        installation.StartProcessor();
        var e = new RevenueEvent("after retention", "add_revenue", 5);
        Assert.Equal(5, await installation.RevenueAfterAsync(e.UserId, await installation.PostUntilAcknowledgedAsync(e, "after-retention")));
    }

    [Fact]
    public async Task A_file_that_was_processed_can_be_removed_at_the_same_price_and_its_rejected_lines_can_be_deleted()
    {
        await using var installation = await Installation.CreateAsync();
        var file = EventFile.Write(installation.File("input.jsonl"),
            Seed.Random(
            nameof(A_file_that_was_processed_can_be_removed_at_the_same_price_and_its_rejected_lines_can_be_deleted)), events: 100, users: 5, badEvery: 10);
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
        // Next to its old place verify would find it.
        using var elsewhere = new TempDirectory();
        var copy = elsewhere.File("copy.jsonl");
        File.Move(file.Path, copy);
        await AssertCannotCheckAsync(installation, file.Path);
        Assert.Equal("", file.Totals.DifferenceTo(await installation.LedgerAsync()));

        // Whoever has the content somewhere gives it back under any name.
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

    /// <summary>Bytes of the log that are there.</summary>
    private static long Kept(Installation installation) => Directory.GetFiles(installation.File("events"), "*.jsonl").Sum(path => new FileInfo(path).Length);

    private static IEnumerable<long> Segments(Installation installation) =>
        Directory.GetFiles(installation.File("events"), "*.jsonl").Select(path => long.Parse(Path.GetFileNameWithoutExtension(path), null));
}
