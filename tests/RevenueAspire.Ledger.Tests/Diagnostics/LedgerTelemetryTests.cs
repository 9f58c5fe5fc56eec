using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace RevenueAspire.Ledger.Tests;

public sealed class LedgerTelemetryTests
{
    [Fact]
    public async Task Each_merge_statement_is_measured_and_each_merge_is_an_activity_without_a_user_id_in_a_tag()
    {
        using var own = new ActivitySource("test");
        var (durations, activities) = (new ConcurrentBag<(double Seconds, string Tags)>(), new ConcurrentBag<Activity>());
        var current = new AsyncLocal<bool> { Value = true };
        using var meters = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument is { Meter.Name: LedgerTelemetry.Name, Name: "revenue.processor.merge.duration", Unit: "s" })
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };

        // Other tests run beside this one: only what this one does is taken.
        meters.SetMeasurementEventCallback<double>((_, seconds, tags, _) =>
        {
            if (current.Value)
            {
                durations.Add((seconds, string.Join(' ', tags.ToArray().Select(tag => $"{tag.Key}={tag.Value}"))));
            }
        });
        meters.Start();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == LedgerTelemetry.Name,
            Sample = (ref _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity =>
            {
                if (current.Value)
                {
                    activities.Add(activity);
                }
            },
        };
        ActivitySource.AddActivityListener(listener);

        await using var database = await LedgerDatabase.CreateAsync();
        var deltas = TestDeltas.Numbered(25, i => i);
        var range = await database.FreezeAsync(deltas, parts: 1);
        Assert.True(await PartMerge.MergeAsync(database.Source, range.Id, range.Frozen!.Parts[0], deltas, 10, null, CancellationToken.None));
        await database.CloseAsync(range.SourceId);
        Assert.True(await database.ApplyAsync(range.SourceId, 1000, 1010, deltas, [], 1, 1));

        Assert.Equal(["kind=live", "kind=part", "kind=part", "kind=part"], durations.Select(duration => duration.Tags).Order());
        Assert.All(durations, duration => Assert.InRange(duration.Seconds, 1e-6, 60));
        Assert.Equal(["apply live range", "merge part"], activities.Select(activity => activity.OperationName).Order());
        Assert.All(activities,
            activity => Assert.DoesNotContain(activity.TagObjects, tag => tag.Value is string text && text.Contains("user0", StringComparison.Ordinal)));
    }
}
