using System.Globalization;
using System.Text;
using RevenueAspire.Events;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Aggregation;
using RevenueAspire.Processor.Tests.Support;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.Aggregation;

/// <summary>The events of each user, as the history receives them.</summary>
public sealed class RangeEventsTests
{
    private const string Day = "2026-03-01T00:00:00.000Z";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Each_user_has_its_events_in_offset_order_for_any_cut_of_the_range_with_and_without_spilling(bool isLog)
    {
        var random = Seed.Random(nameof(Each_user_has_its_events_in_offset_order_for_any_cut_of_the_range_with_and_without_spilling));
        for (var round = 0; round < 60; round++)
        {
            var prefix = random.Next(0, 3) * 7L;
            var (text, expected) = isLog ? RandomLog(random, prefix) : RandomFile(random, prefix);
            var options = LedgerFixture.Tiny(random);
            options.MaxUsersInMemory = random.Next(2) == 0 ? 1_000_000 : random.Next(1, 20);
            var source = new MemorySource(
                [.. new byte[prefix], .. Encoding.UTF8.GetBytes(text)], isLog ? SourceKind.Log : SourceKind.File, longestRead: random.Next(1, 2000));
            using var aggregator = new RangeAggregator(EventTypes.Default, options, options.WorkerCount, keepsEvents: true);
            for (var pass = 0; pass < 2; pass++)
            {
                aggregator.Clear();
                aggregator.Aggregate(source, prefix, prefix + Encoding.UTF8.GetByteCount(text), limited: false, hashed: false, CancellationToken.None);
                var found = new Dictionary<string, List<AppliedEvent>>(StringComparer.Ordinal);
                for (var users = aggregator.Sort().ReadAfter([]); users.Read();)
                {
                    var (sum, events) = ((Int128)0, new List<AppliedEvent>());
                    while (users.ReadEvent(out var applied))
                    {
                        sum += applied.Type == 0 ? (Int128)applied.Value : -(Int128)applied.Value;
                        events.Add(applied);
                    }

                    Assert.True(sum == users.Delta, Seed.Hint);
                    found.Add(Encoding.UTF8.GetString(users.UserId), events);
                }

                Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), found.Keys);
                Assert.All(expected, user => Assert.True(user.Value.SequenceEqual(found[user.Key]), $"{user.Key}, round {round}, {Seed.Hint}"));
            }
        }
    }

    [Fact]
    public void The_events_of_a_part_are_read_without_earlier_ones_and_may_stay_unread()
    {
        var text = string.Concat(Enumerable.Range(0, 300).Select(index => Line($"user{index % 30:00}", 0, index) + "\n"));
        using var aggregator = new RangeAggregator(
            EventTypes.Default, new ProcessorOptions { MaxUsersInMemory = 5, BlockBytes = 512 }, 2, keepsEvents: true);
        aggregator.Aggregate(new MemorySource(text), 0, text.Length, limited: false, hashed: false, CancellationToken.None);
        var users = aggregator.Sort().ReadAfter("user09"u8);
        for (var index = 10; index < 30; index++)
        {
            Assert.True(users.Read());
            if (index % 3 == 0)
            {
                for (var count = 0; count < 10; count++)
                {
                    Assert.True(users.ReadEvent(out var applied));
                    Assert.Equal(index + (30 * count), applied.Value);
                }

                Assert.False(users.ReadEvent(out _));
            }
        }

        Assert.False(users.Read());
    }

    [Fact]
    public void An_aggregation_that_keeps_no_events_returns_none()
    {
        using var aggregator = new RangeAggregator(EventTypes.Default, new ProcessorOptions(), 1);
        var text = Line("a", 0, 1) + "\n";
        aggregator.Aggregate(new MemorySource(text), 0, text.Length, limited: false, hashed: false, CancellationToken.None);
        var users = aggregator.Sort().ReadAfter([]);
        Assert.True(users.Read());
        Assert.False(users.ReadEvent(out _));
    }

    private static (string Text, Dictionary<string, List<AppliedEvent>> Events) RandomFile(Random random, long prefix)
    {
        var (text, events) = (new StringBuilder(), new Dictionary<string, List<AppliedEvent>>(StringComparer.Ordinal));
        for (var count = random.Next(0, 400); count > 0; count--)
        {
            Add(random, text, events, prefix, () => AppliedEvent.NoTime);
            text.Append('\n');
        }

        return (text.ToString(), events);
    }

    private static (string Text, Dictionary<string, List<AppliedEvent>> Events) RandomLog(Random random, long prefix)
    {
        var (text, events) = (new StringBuilder(), new Dictionary<string, List<AppliedEvent>>(StringComparer.Ordinal));
        var time = DateTimeOffset.Parse(Day, CultureInfo.InvariantCulture);
        for (var groups = random.Next(0, 80); groups > 0; groups--)
        {
            time = time.AddMilliseconds(random.Next(0, 10_000_000));
            var records = random.Next(3) == 0 ? random.Next(1, 30) : 1;
            for (var record = 1; record <= records; record++)
            {
                Add(random, text, events, prefix, time.ToUnixTimeMilliseconds);
                if (record == records)
                {
                    text.Length--;
                    text.Append(CultureInfo.InvariantCulture, $",\"timestamp\":\"{time:yyyy-MM-ddTHH:mm:ss.fffZ}\"");
                    text.Append(random.Next(2) == 0 ? ",\"caller\":\"a\\\"b}\",\"idempotencyKey\":\"k}\",\"bodyHash\":\"h\"" : "");
                    text.Append(records > 1 ? ",\"batch\":{\"from\":1,\"count\":2,\"rejected\":0,\"crc\":\"00000000\"}" : "").Append('}');
                }

                text.Append('\n');
            }
        }

        return (text.ToString(), events);
    }

    private static void Add(Random random, StringBuilder text, Dictionary<string, List<AppliedEvent>> events, long prefix, Func<long> time)
    {
        var user = "user" + random.Next(0, 25);
        var type = random.Next(2);
        var value = random.Next(4) == 0 ? random.NextInt64(long.MinValue, long.MaxValue) : random.Next(-100, 100);
        if (!events.TryGetValue(user, out var list))
        {
            events.Add(user, list = []);
        }

        list.Add(new AppliedEvent(prefix + text.Length, type, value, time()));
        text.Append(random.Next(3) switch
        {
            0 => Line(user, type, value),
            1 => $"{{\"value\":{value},\"userId\":\"{user}\",\"name\":\"{Name(type)}\"}}",

            // An object of the client that looks like the server's time.
            _ => Line(user, type, value)[..^1] + ",\"x\":{\"y\":1,\"timestamp\":\"2020-01-01T00:00:00.000Z\"}}",
        });
    }

    private static string Name(int type) => type == 0 ? "add_revenue" : "subtract_revenue";

    private static string Line(string user, int type, long value) => $"{{\"userId\":\"{user}\",\"name\":\"{Name(type)}\",\"value\":{value}}}";
}
