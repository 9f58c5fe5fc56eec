using System.Diagnostics.Metrics;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using RevenueAspire.Api.Ingest;
using RevenueAspire.Testing;

namespace RevenueAspire.Api.Tests.Ingest;

/// <summary>The API logs summaries of incoming events, never a line per event.</summary>
public sealed class IngestReportTests : IDisposable
{
    private const int ReportId = 2050;

    private readonly TempDirectory _directory = new();
    private readonly EntryLog _entries = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_busy_second_logs_few_lines_with_correct_sums_and_the_last_receipt()
    {
        const int Events = 1000;
        string last;
        await using (var api = await ApiHost.StartAsync(
            _directory, null, builder => builder.Logging.AddProvider(_entries), "Logging:LogLevel:Default=Information"))
        {
            await Task.WhenAll(Enumerable.Range(0, Events).Select(number => api.PostEventAsync(Sample.Add("a-user", number))));
            await api.PostEventsAsync($"{Sample.Plain}\n{Sample.Plain}\nx\n");
            last = (await api.PostEventAsync(Sample.Plain, ("Authorization", ApiHost.Secret))).Receipt!;
        }

        var lines = _entries.Entries.Where(entry => entry.Category.StartsWith("RevenueAspire.", StringComparison.Ordinal)).ToArray();
        Assert.InRange(lines.Length, 1, 20);
        var reports = lines.Where(line => line.Id == ReportId).ToArray();
        Assert.Equal(Events + 3, reports.Sum(report => (long)report.Fields["Events"]!));
        Assert.Equal(Events + 2, reports.Sum(report => (long)report.Fields["Requests"]!));
        Assert.Equal(1, reports.Sum(report => (long)report.Fields["Rejected"]!));
        Assert.Equal(last, reports[^1].Fields["Receipt"]);
        Assert.All(lines, line => Assert.DoesNotContain("a-user", line.Text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_first_line_is_immediate_the_next_ten_seconds_later_and_there_is_none_without_events()
    {
        await using var api = await ApiHost.StartAsync(_directory);
        using var meters = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var metrics = new IngestMetrics(meters.GetRequiredService<IMeterFactory>());
        var clock = new ManualClock();
        using var factory = LoggerFactory.Create(logging => logging.AddProvider(_entries));
        using var report = new IngestReport(api.Log, metrics, clock, factory.CreateLogger<IngestReport>());
        var lines = new List<string>();
        for (var second = 1; second <= 60; second++)
        {
            clock.Now = TimeSpan.FromSeconds(second);
            if (second is >= 30 and < 45)
            {
                metrics.Unnamed.AcceptedSingly.Add(1);
                metrics.Unnamed.AcceptedSingly.Add(1);
            }

            var before = _entries.Entries.Count;
            report.Report(now: false);
            lines.AddRange(_entries.Entries.Skip(before)
                .Select(entry => string.Create(CultureInfo.InvariantCulture, $"{second}: {entry.Fields["Events"]} in {entry.Fields["Seconds"]}")));
        }

        Assert.Equal(["30: 2 in 1", "40: 20 in 10", "50: 8 in 10"], lines);
        metrics.Unnamed.Refused.Add(1);
        report.Report(now: true);
        report.Report(now: true);
        Assert.Equal(4, _entries.Entries.Count);
    }
}
