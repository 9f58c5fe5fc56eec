using Microsoft.Extensions.Logging;
using RevenueAspire.Events;
using RevenueAspire.Processor.Aggregation;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Processor.Following;
using RevenueAspire.Processor.Reading;
using RevenueAspire.Processor.Tests.Support;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.Following;

/// <summary>The messages about applied events: one line per few seconds of live traffic, one per merged range, never one per event.</summary>
public sealed class LiveReportTests
{
    [Fact]
    public async Task Live_ranges_are_reported_together_and_the_lines_add_up()
    {
        const int Appends = 100;
        await using var ledger = await LedgerFixture.CreateAsync();
        await using var log = new TestLog(ledger.Folder.File("log"));
        var lines = await FollowAsync(ledger, log, new ProcessorOptions(), async () =>
        {
            for (var i = 0; i < Appends; i++)
            {
                await log.AppendAsync(new EventFile().Add("a-user", 1).Add("b", 2).Bytes[..^1]);
            }
        });

        var reports = lines.Where(line => line.Id == 3040).ToArray();
        Assert.InRange(lines.Count, 1, 10);
        Assert.Equal(2 * Appends, reports.Sum(line => (long)line.Fields["Events"]!));
        Assert.Equal((0L, log.Mark), ((long)reports[0].Fields["From"]!, (long)reports[^1].Fields["Through"]!));
        Assert.All(reports, line => Assert.Equal(log.Directory, line.Fields["Source"]));
        Assert.All(lines, line => Assert.DoesNotContain("a-user", line.Text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Each_merged_range_is_a_line_with_source_range_events_and_users()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using var log = new TestLog(ledger.Folder.File("log"));
        await log.AppendAsync(EventFile.Random(new Random(3), 300, 50).Bytes);
        var lines = await FollowAsync(ledger, log, new ProcessorOptions { LiveRangeBytes = 10, RangeBytes = 4096 }, () => Task.CompletedTask);

        var merged = lines.Where(line => line.Id == 3032).OrderBy(line => line.Fields["From"]).ToArray();
        Assert.True(merged.Length > 1);
        Assert.Equal(300, merged.Sum(line => (long)line.Fields["Events"]!));
        Assert.All(merged, line => Assert.InRange((long)line.Fields["Users"]!, 1, 50));
        Assert.Equal([0, .. merged.SkipLast(1).Select(line => (long)line.Fields["Through"]!)], merged.Select(line => (long)line.Fields["From"]!));
        Assert.Equal(log.Mark, merged[^1].Fields["Through"]);
        Assert.All(merged, line => Assert.Equal(log.Directory, line.Fields["Source"]));
    }

    [Fact]
    public void A_line_comes_at_once_and_the_next_ten_seconds_later()
    {
        var clock = new ManualClock();
        var entries = new EntryLog();
        var report = new LiveReport("log", clock, entries);
        var aggregator = new RangeAggregator(EventTypes.Default, new ProcessorOptions(), 1);
        var line = new EventFile().Add("a", 1).Bytes;
        using var source = new MemorySource([.. Enumerable.Repeat(line, 8).SelectMany(bytes => bytes)]);
        var reports = new List<string>();
        for (var second = 1; second <= 40; second++)
        {
            clock.Now = TimeSpan.FromSeconds(second);
            if (second is >= 5 and < 13)
            {
                aggregator.Clear();
                report.Add(
                    aggregator.Aggregate(source, (second - 5) * line.Length, (second - 4) * line.Length, limited: true, hashed: false, CancellationToken.None));
            }

            var before = entries.Entries.Count;
            report.WriteWhenDue();
            reports.AddRange(entries.Entries.Skip(before).Select(entry => $"{second}: {entry.Fields["Events"]} of {entry.Fields["Ranges"]}"));
        }

        Assert.Equal(["5: 1 of 1", "15: 7 of 7"], reports);
        report.Write();
        Assert.Equal(reports.Count, entries.Entries.Count);
    }

    private static async Task<List<EntryLog.Entry>> FollowAsync(LedgerFixture ledger, TestLog log, ProcessorOptions options, Func<Task> meanwhile)
    {
        using var stop = new CancellationTokenSource();
        var entries = new EntryLog();
        var following = LogFollowing.FollowAsync(ledger, log.Directory, options, stop.Token, entries);
        await meanwhile();
        await LogFollowing.AppliedAsync(ledger, log);
        await stop.CancelAsync();
        await following;
        return [.. entries.Entries];
    }

    private sealed class EntryLog : ILogger<ApplyServices>
    {
        public sealed record Entry(int Id, string Text, IReadOnlyDictionary<string, object?> Fields);

        public System.Collections.Concurrent.ConcurrentQueue<Entry> Entries { get; } = new();

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Entries.Enqueue(new Entry(
                eventId.Id, formatter(state, exception), new Dictionary<string, object?>((state as IEnumerable<KeyValuePair<string, object?>>) ?? [])));
    }
}
