using System.Globalization;
using System.Text.Json;
using Npgsql;
using RevenueAspire.Processor.Tests.Support;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.Processing;

/// <summary>All running processes share a large file, even those that started later.</summary>
public sealed class SharedFileTests
{
    private const string Program = "RevenueAspire.Processor";
    private const int RangeBytes = 8000;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task M3_three_processes_work_on_ranges_of_one_file_at_once()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var (file, ranges) = Build();
        var path = ledger.Write("large.jsonl", file.Bytes);

        // A process that merges the first or the third range must wait.
        await using var held = await HeldUsers.TakeAsync(ledger, "!00000", "!00002");

        // Each process holds a range that it merges, and the next one, aggregated and frozen. Then it can claim no more, and the next process gets the rest.
        await using var first = Start(ledger, path);
        await FrozenAsync(ledger, 2);
        await using var second = Start(ledger, path);
        await FrozenAsync(ledger, 4);
        await using var third = Start(ledger, path);
        await Eventually.EqualsAsync(
            ranges - 4L,
            () => ledger.ScalarAsync<long>(
                "select count(*) from event_range r where end_fixed is not null and not exists (select from event_part p where p.range_id = r.range_id and "
                    + "p.merged_through <> p.upper_key)"));
        Assert.Equal(
            (3, ranges), (await ledger.ScalarAsync<long>("select count(distinct lease_owner) from event_range"), await ledger.CountAsync("event_range")));
        Assert.Equal(0, (await ledger.VerifyAsync()).Result.Differences);

        await held.ReleaseAsync();
        foreach (var process in new[] { first, second, third })
        {
            Assert.Equal((0, true), (await process.WaitForExitAsync(Limit), UsersOf(process) > 0));
        }

        await ledger.AssertBalancesAsync(file);
        Assert.Equal(0, (await ledger.VerifyAsync()).Result.Differences);
        Assert.Equal(0, await ledger.ScalarAsync<long>("select deadlocks from pg_stat_database where datname = current_database()"));
    }

    [Fact]
    public async Task M3_a_process_that_only_waits_for_another_processs_range_ends_after_its_close()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var file = EventFile.Random(Seed.Random(nameof(M3_a_process_that_only_waits_for_another_processs_range_ends_after_its_close)), 60, 30).Add("!0", 1);
        var path = ledger.Write("small.jsonl", file.Bytes);
        await using var held = await HeldUsers.TakeAsync(ledger, "!0");
        await using var worker = Start(ledger, path, applicationName: "worker");
        await FrozenAsync(ledger, 1);
        await using var waiter = Start(ledger, path, applicationName: "waiter");
        await Eventually.IsTrueAsync(() => ledger.ScalarAsync<bool>(
            "select exists (select from pg_stat_activity where datname = current_database() and application_name = 'waiter' and query like '%from "
                + "event_source s where source_id%')"));

        await held.ReleaseAsync();
        Assert.Equal((0, 0), (await worker.WaitForExitAsync(Limit), await waiter.WaitForExitAsync(Limit)));
        Assert.Equal((file.Totals.Users.Count, 0), (UsersOf(worker), UsersOf(waiter)));
        await ledger.AssertBalancesAsync(file);
    }

    /// <summary>Six ranges with common users; each range also starts with a user that no other range has.</summary>
    private static (EventFile File, int Ranges) Build()
    {
        // Lines of equal length, so the ranges' limits can be computed.
        var length = new EventFile().Add("user00", 10).Bytes.Length;
        var lines = 40 * RangeBytes / length;
        var begins = new List<int>();
        for (var from = 0; from < lines;)
        {
            begins.Add(from);
            var left = (lines - from) * length;
            var share = left < 2 * RangeBytes ? left : Math.Max(RangeBytes, left / 2);
            from += share == left ? left / length : (share / length) + 1;
        }

        var file = new EventFile();
        for (var line = 0; line < lines; line++)
        {
            var range = begins.IndexOf(line);
            var user = range < 0 ? $"user{(line % 40).ToString("d2", CultureInfo.InvariantCulture)}" : $"!{range.ToString("d5", CultureInfo.InvariantCulture)}";
            file.Add(user, 10 + (line % 90));
        }

        return (file, begins.Count);
    }

    private static ServiceProcess Start(LedgerFixture ledger, string path, string? applicationName = null) => ServiceProcess.Start(
        Program,
        ["process", path, "--json"],
        new Dictionary<string, string?>
        {
            ["ConnectionStrings__revenuedb"] =
                new NpgsqlConnectionStringBuilder(ledger.ConnectionString) { ApplicationName = applicationName }.ConnectionString,
            ["Processor__RangeBytes"] = RangeBytes.ToString(CultureInfo.InvariantCulture),
            ["Processor__MergeBatchRows"] = "10",
        });

    private static Task FrozenAsync(LedgerFixture ledger, long ranges) =>
        Eventually.EqualsAsync(ranges, () => ledger.ScalarAsync<long>("select count(*) from event_range where end_fixed is not null"));

    private static long UsersOf(ServiceProcess process)
    {
        using var json = JsonDocument.Parse(Assert.Single(process.StandardOutput));
        return json.RootElement.GetProperty("files")[0].GetProperty("users").GetInt64();
    }
}
