using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging.Abstractions;
using RevenueAspire.Processor.Following;
using RevenueAspire.Processor.Reading;
using RevenueAspire.Processor.Tests.Support;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.Diagnostics;

public sealed class ProcessorMetricsTests
{
    [Fact]
    public async Task Events_count_each_line_once_by_outcome()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        using var meters = new Measurements(ledger);
        var random = Seed.Random(nameof(Events_count_each_line_once_by_outcome));
        var file = EventFile.Random(random, 400, 50, badEvery: 20);
        await ledger.ProcessAsync(ledger.Write("a.jsonl", file.Bytes), LedgerFixture.Tiny(random));
        await ledger.ProcessAsync(ledger.Write("a.jsonl", file.Bytes));

        await using var log = new TestLog(ledger.Folder.File("log"));
        await log.AppendAsync(new EventFile().Add("a", 1).Add("b", 2).Bytes);
        await FollowUntilAsync(ledger, log, () => AppliedAsync(ledger, log));
        Assert.Equal(file.Events + 2, meters.Sum("revenue.processor.events", "accepted"));
        Assert.Equal(file.Rejected.Count, meters.Sum("revenue.processor.events", "rejected"));
    }

    [Fact]
    public async Task Lag_is_the_durable_unapplied_part_and_ends_with_the_follower()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        using var meters = new Measurements(ledger);
        await using var log = new TestLog(ledger.Folder.File("log"));
        await log.AppendAsync(new EventFile().Add("a", 1).Bytes);
        var applied = log.Mark;
        await FollowUntilAsync(ledger, log, async () =>
        {
            await AppliedAsync(ledger, log);
            await Eventually.IsTrueAsync(() => Task.FromResult(meters.Lags() is [0, 0]));
            await using (var blocker = await ledger.Database.OpenConnectionAsync())
            {
                await using var transaction = await blocker.BeginTransactionAsync();
                await using (var block = blocker.CreateCommand())
                {
                    block.CommandText = "update users_revenue set revenue = revenue where user_id = 'a'";
                    await block.ExecuteNonQueryAsync();
                }

                // The holder of the lease reports the lag at once, the standby on its next poll.
                await log.AppendAsync(new EventFile().Add("a", 2).Bytes);
                await Eventually.IsTrueAsync(() => Task.FromResult(meters.Lags().All(lag => lag == log.Mark - applied)));
                await transaction.RollbackAsync();
            }

            await AppliedAsync(ledger, log);
            await Eventually.IsTrueAsync(() => Task.FromResult(meters.Lags().All(lag => lag == 0)));
        });
        Assert.Empty(meters.Lags());
    }

    /// <summary>Two processors follow the log during an action.</summary>
    private static async Task FollowUntilAsync(LedgerFixture ledger, TestLog log, Func<Task> done)
    {
        using var stop = new CancellationTokenSource();
        var following = Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
            new LogFollower(ledger.Services(), LogSourceReader.Open(log.Directory), TimeProvider.System, NullLogger.Instance).RunAsync(stop.Token))).ToArray();
        await done();
        await stop.CancelAsync();
        await Task.WhenAll(following);
    }

    private static Task AppliedAsync(LedgerFixture ledger, TestLog log) =>
        Eventually.IsTrueAsync(async () => (await ledger.Sources.FindAsync(log.LogId, CancellationToken.None))?.AppliedThrough == log.Mark);

    /// <summary>Collects the measurements of one fixture's processors.</summary>
    private sealed class Measurements : IDisposable
    {
        private readonly MeterListener _listener = new();
        private readonly List<(string Instrument, long Value, object? Tag)> _heard = [];

        public Measurements(LedgerFixture ledger)
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == ProcessorMetrics.MeterName && instrument.Meter.Scope == ledger.Meters)
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
            {
                lock (_heard)
                {
                    _heard.Add((instrument.Name, value, tags[0].Value));
                }
            });
            _listener.Start();
        }

        public long Sum(string instrument, string outcome)
        {
            lock (_heard)
            {
                return _heard.Where(one => one.Instrument == instrument && one.Tag as string == outcome).Sum(one => one.Value);
            }
        }

        /// <summary>The current lags, one per follower.</summary>
        public List<long> Lags()
        {
            lock (_heard)
            {
                _heard.RemoveAll(one => one.Instrument == "revenue.processor.lag");
            }

            _listener.RecordObservableInstruments();
            lock (_heard)
            {
                return [.. _heard.Where(one => one.Instrument == "revenue.processor.lag").Select(one => one.Value)];
            }
        }

        public void Dispose() => _listener.Dispose();
    }
}
