using RevenueAspire.EventLog.Format;
using RevenueAspire.EventLog.Tests.Simulation;
using RevenueAspire.EventLog.Writing;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Tests;

/// <summary>Rule L9: idempotency keys.</summary>
public sealed class KeyTests
{
    private readonly SimulatedDisk _disk = new(new Random(9));

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(40)]
    [InlineData(1000)]
    public void L9_the_window_is_the_last_keyed_records_and_a_start_rebuilds_the_same_keys(int window)
    {
        void Change(EventLogOptions options)
        {
            options.KeyWindow = window;
            options.SegmentBytes = 1500;
        }

        var writer = SimulatedLog.Open(_disk, _disk.Start(), Change);
        var random = new Random(window);
        var keyed = new List<AppendResult>();
        for (var i = 0; i < 60; i++)
        {
            string[] users = [.. Enumerable.Range(0, random.Next(1, 4)).Select(j => $"u{i}.{j}")];
            keyed.Add(SimulatedLog.Append(writer, TestLog.Group(users, "k" + i, random.Next(3), "body" + i))[0]);
            SimulatedLog.Append(writer, TestLog.Single("x" + i));
        }

        var keysFrom = writer.Files().KeysFrom;
        Assert.Equal(window >= 60 ? 0 : keyed[60 - window - 1].Receipt.Offset + 1, keysFrom);
        writer = SimulatedLog.Open(_disk, _disk.Start(), Change);
        Assert.Equal(keysFrom, writer.Files().KeysFrom);
        Assert.Equal(Math.Min(60, window), writer.Files().LastRecovery.Keys);
        for (var i = Math.Max(0, 60 - window); i < 60; i++)
        {
            // Use another body: a forgotten key would otherwise be appended, and push other keys out of the window.
            Assert.Equal(AppendStatus.KeyConflict, SimulatedLog.Append(writer, TestLog.Single("y", "k" + i, "other"))[0].Status);
            Assert.Equal(keyed[i] with { Status = AppendStatus.Repeated }, SimulatedLog.Append(writer, TestLog.Single("y", "k" + i, "body" + i))[0]);
        }

        if (window < 60)
        {
            Assert.Equal(AppendStatus.Appended, SimulatedLog.Append(writer, TestLog.Single("y", "k" + (60 - window - 1)))[0].Status);
        }
    }

    [Fact]
    public void L9_the_index_agrees_with_a_list_of_the_last_records()
    {
        var random = Seed.Random(nameof(KeyIndex));
        foreach (var window in new[] { 1, 2, 3, 50, 1500, 5000 })
        {
            var index = new KeyIndex(window);
            var all = new List<KeyedRecord>();
            for (var i = 0; i < 6000; i++)
            {
                // Use few low bits, so that keys collide in the table, and some keys occur twice.
                var key = new UInt128((ulong)random.Next(20_000), (ulong)random.Next(64));
                all.Add(new KeyedRecord(key, (UInt128)i, i * 10, i, 0));
                index.Add(all[^1]);
            }

            var last = all.TakeLast(window).ToArray();
            var expected = last.GroupBy(record => record.Key).ToDictionary(group => group.Key, group => group.Last());
            Assert.Equal(last.Length, index.Count);
            Assert.Equal(window < 6000 ? all[^(window + 1)].Offset + 1 : 0, index.KeysFrom);
            Assert.Equal(last.Where(record => record.Offset >= 59_000), index.Since(59_000));
            Assert.True(
                all.All(record => index.TryGet(record.Key, out var found) ? expected[record.Key] == found : !expected.ContainsKey(record.Key)),
                $"window {window}, {Seed.Hint}");
        }
    }
}
