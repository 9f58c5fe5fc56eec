using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Net;
using RevenueAspire.Api.Ingest;

namespace RevenueAspire.Api.Tests.Ingest;

public sealed class OverloadTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Twenty_concurrent_large_batches_share_the_memory()
    {
        // Memory for two batches. Each batch gets its share before its wait times out.
        await using var api = await ApiHost.StartAsync(
            _directory, null, "Api:BatchMemoryBytes=20000000", "Api:MaxBatchBytes=4194304", "Api:BatchWait=00:01:00");
        var line = Sample.OfLength(4095) + "\n";

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => api.PostEventsAsync(string.Concat(Enumerable.Repeat(line, 1024)))));

        Assert.All(answers, answer => Assert.Equal(1024, answer.Expect(HttpStatusCode.Accepted).Json.GetProperty("accepted").GetInt32()));
    }

    [Fact]
    public async Task Events_are_counted_by_outcome_and_never_by_user()
    {
        await using var api = await ApiHost.StartAsync(_directory);
        var counted = new Dictionary<string, long>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, self) =>
        {
            // Ignore the APIs of other tests, which run in the same process.
            if (instrument.Meter.Name == IngestMetrics.MeterName && ReferenceEquals(instrument.Meter.Scope, api.Services.GetService(typeof(IMeterFactory))))
            {
                self.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            var key = instrument.Name + string.Concat(tags.ToArray().Select(tag => $" {tag.Key}={tag.Value}"));
            lock (counted)
            {
                counted[key] = counted.GetValueOrDefault(key) + value;
            }
        });
        listener.Start();

        await api.PostEventAsync(Sample.Plain, ("Idempotency-Key", "k"));
        await api.PostEventAsync(Sample.Plain, ("Idempotency-Key", "k"));
        await api.PostEventAsync("{}");
        await api.PostEventAsync(Sample.Plain, ("Authorization", "wrong"));
        await api.PostEventsAsync($"{Sample.Plain}\n{Sample.Plain}\nx\n");
        listener.RecordObservableInstruments();

        Assert.Equal(
            new SortedDictionary<string, long>
            {
                ["revenue.ingest.bytes"] = (4 * Sample.Plain.Length) + 2 + 4,
                ["revenue.ingest.events outcome=accepted"] = 3,
                ["revenue.ingest.events outcome=repeated"] = 1,
                ["revenue.ingest.events outcome=rejected"] = 2,
                ["revenue.ingest.events outcome=refused"] = 1,
                ["revenue.ingest.events outcome=limited"] = 0,
            },
            new SortedDictionary<string, long>(counted));
    }

    [Theory]
    [InlineData("01", true)]
    [InlineData("00", false)]
    public async Task The_trace_of_a_sampled_request_is_in_its_record(string flags, bool kept)
    {
        using var sampling = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Microsoft.AspNetCore",
            Sample = (ref ActivityCreationOptions<ActivityContext> options) =>
                (options.Parent.TraceFlags & ActivityTraceFlags.Recorded) != 0 ? ActivitySamplingResult.AllDataAndRecorded
                    : ActivitySamplingResult.PropagationData,
        };
        ActivitySource.AddActivityListener(sampling);
        await using var api = await ApiHost.StartAsync(_directory);
        const string Trace = "0af7651916cd43dd8448eb211c80319c";

        (await api.PostEventAsync(Sample.Plain, ("traceparent", $"00-{Trace}-b7ad6b7169203331-{flags}"))).Expect(HttpStatusCode.Accepted);

        var record = Assert.Single(api.Records());
        Assert.Equal(kept, record.TryGetProperty("traceparent", out var traceParent));
        if (kept)
        {
            Assert.StartsWith($"00-{Trace}-", traceParent.GetString(), StringComparison.Ordinal);
        }
    }
}
