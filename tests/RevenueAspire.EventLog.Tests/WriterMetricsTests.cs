using System.Diagnostics.Metrics;
using RevenueAspire.EventLog.Tests.Simulation;
using RevenueAspire.EventLog.Writing;

namespace RevenueAspire.EventLog.Tests;

public sealed class WriterMetricsTests
{
    [Fact]
    public void Commits_report_duration_and_size_and_waiting_groups_are_the_queue_depth()
    {
        var seen = new List<(string Name, string? Unit, double Value)>();
        var isOurs = false;
        var thread = Environment.CurrentManagedThreadId;
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, self) =>
        {
            // Other tests have writers, too. The instruments of this writer are those published on this thread while it opens.
            if (isOurs && instrument.Meter.Name == WriterMetrics.MeterName && Environment.CurrentManagedThreadId == thread)
            {
                self.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<double>((instrument, value, _, _) => Add(instrument, value));
        listener.SetMeasurementEventCallback<long>((instrument, value, _, _) => Add(instrument, value));
        listener.SetMeasurementEventCallback<int>((instrument, value, _, _) => Add(instrument, value));
        listener.Start();
        isOurs = true;
        var disk = new SimulatedDisk(new Random(3));
        var writer = SimulatedLog.Open(disk, disk.Start());
        isOurs = false;

        var waiting = Enumerable.Range(0, 3).Select(i => writer.AppendAsync(TestLog.Single("a" + i, "key"), CancellationToken.None).AsTask()).ToList();
        listener.RecordObservableInstruments();
        Assert.Equal([("revenue.log.queue.depth", "{group}", 3)], seen);
        seen.Clear();
        writer.Step();
        listener.RecordObservableInstruments();

        Assert.All(waiting, task => Assert.True(task.IsCompletedSuccessfully));
        Assert.Equal(["revenue.log.commit.duration", "revenue.log.commit.size", "revenue.log.queue.depth"], seen.Select(measured => measured.Name));
        Assert.Equal(["s", "By", "{group}"], seen.Select(measured => measured.Unit));
        Assert.InRange(seen[0].Value, double.Epsilon, 60);
        Assert.Equal(writer.DurableMark, seen[1].Value);
        Assert.Equal(0, seen[2].Value);

        // A commit that the disk refused is not measured.
        seen.Clear();
        disk.Fails = (operation, _) => operation == DiskOperation.Flush;
        SimulatedLog.Append(writer, TestLog.Single("b"));
        Assert.Empty(seen);

        void Add(Instrument instrument, double value) => seen.Add((instrument.Name, instrument.Unit, value));
    }
}
