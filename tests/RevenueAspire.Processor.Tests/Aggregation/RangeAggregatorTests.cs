using System.Security.Cryptography;
using System.Text;
using RevenueAspire.Events;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Aggregation;
using RevenueAspire.Processor.Tests.Support;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.Aggregation;

public sealed class RangeAggregatorTests
{
    [Fact]
    public void M4_M8_any_cut_into_blocks_workers_and_early_ended_ranges_gives_the_same_sums()
    {
        var random = Seed.Random(nameof(M4_M8_any_cut_into_blocks_workers_and_early_ended_ranges_gives_the_same_sums));
        for (var round = 0; round < 60; round++)
        {
            var file = EventFile.Random(random, random.Next(0, 400), random.Next(1, 100), badEvery: 10);
            var bytes = file.Bytes;
            var source = new MemorySource(bytes, longestRead: random.Next(1, 2000));
            var options = LedgerFixture.Tiny(random);
            var aggregator = new RangeAggregator(EventTypes.Default, options, options.WorkerCount);
            var sums = new Dictionary<string, Int128>(StringComparer.Ordinal);
            var rejectedLines = new List<long>();
            long lines = 0, events = 0, from = 0;
            while (from < bytes.Length)
            {
                aggregator.Clear();
                var range = aggregator.Aggregate(source, from, bytes.Length, limited: true, hashed: true, CancellationToken.None);
                Assert.True(range.End > from && (range.End == bytes.Length || bytes[range.End - 1] == '\n'), Seed.Hint);
                Assert.Equal(SHA256.HashData(bytes.AsSpan((int)from, (int)(range.End - from))), range.BytesHash.ToArray());
                rejectedLines.AddRange(range.Rejects.Select(reject => lines + reject.Line + 1));
                Assert.All(range.Rejects, reject => Assert.True(reject.Offset == 0 || bytes[reject.Offset - 1] == '\n'));
                lines += range.Lines;
                events += range.Events;
                var users = range.Sort();
                Assert.True(users.Sum() == range.Revenue && range.Rejects.Count == range.RejectedLines, Seed.Hint);
                Add(sums, users);
                from = range.End;
            }

            Assert.True(file.Lines == lines && file.Events == events, Seed.Hint);
            Assert.Equal(file.Rejected.Select(line => line.Line), rejectedLines);
            Assert.Equal(file.Totals.Users.Count, sums.Count);
            Assert.All(file.Totals.Users, pair => Assert.True(sums[pair.Key] == pair.Value, $"{pair.Key}, round {round}, {Seed.Hint}"));
        }
    }

    [Fact]
    public void M8_a_line_above_the_limit_is_rejected_without_buffering_and_the_next_one_counts()
    {
        var text = "{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":1}\n"
            + new string('x', 300_000) + "\n" + "{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":2}\n" + new string('y', 1025) + "\n";
        var aggregator = new RangeAggregator(EventTypes.Default, new ProcessorOptions { BlockBytes = 4096 }, 1);
        var range = aggregator.Aggregate(new MemorySource(text, maxLineBytes: 1024), 0, text.Length, limited: true, hashed: true, CancellationToken.None);
        Assert.Equal((4, 2), (range.Lines, range.Events));
        Assert.Equal([1L, 3L], range.Rejects.Select(reject => reject.Line));
        Assert.All(range.Rejects, reject => Assert.Equal(RejectReason.TooLong.Describe(), reject.Reason));
        Assert.Equal(new string('x', 256), Encoding.UTF8.GetString(range.Rejects[0].Beginning.Span));
        Assert.Equal(SHA256.HashData(Encoding.UTF8.GetBytes(text)), range.BytesHash.ToArray());
    }

    [Theory]
    [InlineData(1024, true)]
    [InlineData(1025, false)]
    public void A_line_of_exactly_the_limit_counts(int length, bool counts)
    {
        var line = "{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":1}".PadRight(length) + "\n";
        foreach (var blockBytes in (int[])[16, 512, 1024, 1025, 1026, 4096])
        {
            var aggregator = new RangeAggregator(EventTypes.Default, new ProcessorOptions { BlockBytes = blockBytes }, 1);
            var range = aggregator.Aggregate(
                new MemorySource(line + line, maxLineBytes: 1024), 0, line.Length * 2, limited: true, hashed: false, CancellationToken.None);
            Assert.Equal((counts ? 2 : 0, counts ? 0 : 2), (range.Events, range.Rejects.Count));
        }
    }

    [Fact]
    public void Byte_order_mark_CRLF_and_blank_lines_are_not_errors()
    {
        var text = "\uFEFF{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":1}\r\n\r\n  \n{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":2}\r\n";
        var range = Aggregate(new MemorySource(text));
        Assert.Equal((4, 2, 0), (range.Lines, range.Events, range.Rejects.Count));
    }

    [Fact]
    public void Damage_is_one_reject_at_the_cut_line_and_the_aggregation_continues_at_the_next_line()
    {
        string Event(int value) => $"{{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":{value}}}\n";
        var text = Event(1) + Event(2) + Event(4) + Event(8);
        var line = Event(1).Length;
        foreach (var blockBytes in (int[])[16, 64, 4096])
        {
            // Damage from the middle of the second line to the middle of the third.
            var cut = new MemorySource(text, SourceKind.Log);
            cut.Damage.Add((line + 10, 2 * line + 10));
            var range = Aggregate(cut, blockBytes);
            Assert.Equal((2, 1), (range.Events, range.Rejects.Count));
            Assert.Equal((line, "damaged for the test"), (range.Rejects[0].Offset, range.Rejects[0].Reason));
            Assert.Equal(Event(2)[..10], Encoding.UTF8.GetString(range.Rejects[0].Beginning.Span));
            Assert.Equal(9, range.Sort().Sum());
            Assert.Equal(text.Length, range.End);

            // Damage of whole lines, like a gap: the line after it is a complete record, and counts.
            var gap = new MemorySource(text, SourceKind.Log);
            gap.Damage.Add((line, 3 * line));
            var afterGap = Aggregate(gap, blockBytes);
            Assert.Equal((2, 1), (afterGap.Events, afterGap.Rejects.Count));
            Assert.Equal(line, afterGap.Rejects[0].Offset);
            Assert.Equal(9, afterGap.Sort().Sum());

            // Damage up to the end.
            var end = new MemorySource(text, SourceKind.Log);
            end.Damage.Add((3 * line + 1, 4 * line));
            Assert.Equal(
                (3, 1, (long)text.Length), (Aggregate(end, blockBytes).Events, Aggregate(end, blockBytes).Rejects.Count, Aggregate(end, blockBytes).End));
        }
    }

    [Fact]
    public void M9_an_unknown_event_name_is_reported_in_a_log_and_rejected_in_a_file()
    {
        const string Known = "{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":1}\n";
        const string Unknown = "{\"userId\":\"a\",\"name\":\"give\",\"value\":1}\n";
        Assert.Equal(2 * Known.Length, Aggregate(new MemorySource(Known + Known + Unknown + Known, SourceKind.Log)).UnknownNameAt);
        var file = Aggregate(new MemorySource(Known + Known + Unknown + Known));
        Assert.Null(file.UnknownNameAt);
        Assert.Equal((3, 1), (file.Events, file.Rejects.Count));
    }

    [Fact]
    public void The_rest_of_a_line_counted_without_its_newline_is_not_a_line()
    {
        const string Line = "{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":1}";
        var source = new MemorySource(Line + "\r\n" + Line + "\n");
        var range = new RangeAggregator(EventTypes.Default, new ProcessorOptions(), 1).Aggregate(
            source, Line.Length, source.ReadEnd(), limited: true, hashed: false, CancellationToken.None);
        Assert.Equal((1, 1, 0), (range.Lines, range.Events, range.Rejects.Count));
    }

    [Fact]
    public void A_cancelled_aggregation_stops()
    {
        var file = EventFile.Random(new Random(1), 200, 5);
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => new RangeAggregator(EventTypes.Default, new ProcessorOptions { BlockBytes = 64 }, 3)
            .Aggregate(new MemorySource(file.Bytes), 0, file.Bytes.Length, limited: true, hashed: false, cancelled.Token));
    }

    private static RangeAggregate Aggregate(MemorySource source, int blockBytes = 4096) =>
        new RangeAggregator(EventTypes.Default, new ProcessorOptions { BlockBytes = blockBytes }, 2).Aggregate(
            source, 0, source.ReadEnd(), limited: true, hashed: true, CancellationToken.None);

    private static void Add(Dictionary<string, Int128> sums, IRangeUsers users)
    {
        for (var reader = users.ReadAfter([]); reader.Read();)
        {
            var user = Encoding.UTF8.GetString(reader.UserId);
            sums[user] = sums.GetValueOrDefault(user) + reader.Delta;
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void M4_rejects_are_bounded_within_a_block_and_the_next_range_continues_there(int workers)
    {
        var text = string.Concat(Enumerable.Repeat("x\n", 5000)) + "{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":1}\n";
        var source = new MemorySource(text);
        var options = new ProcessorOptions { BlockBytes = 4096, MaxRejectsPerRange = 100 };
        var aggregator = new RangeAggregator(Events.EventTypes.Default, options, workers);
        var (lines, rejects, events) = (0L, 0L, 0L);
        for (long from = 0; from < source.ReadEnd();)
        {
            aggregator.Clear();
            var range = aggregator.Aggregate(source, from, source.ReadEnd(), limited: true, hashed: true, CancellationToken.None);
            Assert.True(range.End > from);
            Assert.InRange(range.Rejects.Count, 0, 100 * workers);
            Assert.Equal(
                System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(text[(int)from..(int)range.End])), range.BytesHash.ToArray());
            (lines, rejects, events, from) = (lines + range.Lines, rejects + range.Rejects.Count, events + range.Events, range.End);
        }

        Assert.Equal((5001, 5000, 1), (lines, rejects, events));
    }

    [Fact]
    public void A_range_that_begins_after_damage_does_not_reject_the_rest_of_the_cut_record()
    {
        var text = "{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":1}\n";
        var source = new MemorySource(text + text + text, Ledger.SourceKind.Log);
        source.Damage.Add((10, text.Length + 10));
        var aggregator = new RangeAggregator(Events.EventTypes.Default, new ProcessorOptions(), 1);
        var whole = Aggregate(0, source.ReadEnd());
        var first = Aggregate(0, text.Length + 10);
        var second = Aggregate(first.End, source.ReadEnd());
        Assert.Equal((1, 1, 0), (whole.Rejects.Count, first.Rejects.Count, second.Rejects.Count));
        Assert.Equal((whole.Lines, whole.Events), (first.Lines + second.Lines, first.Events + second.Events));
        Assert.Equal((10, text.Length + 10), (Assert.Single(first.Damage).From, first.Damage[0].Through));

        RangeAggregate Aggregate(long from, long to)
        {
            aggregator.Clear();
            return aggregator.Aggregate(source, from, to, limited: true, hashed: false, CancellationToken.None);
        }
    }
}
