using System.Text;
using RevenueAspire.Api.Ingest;
using RevenueAspire.EventLog;
using RevenueAspire.Events;

namespace RevenueAspire.Api.Tests.Ingest;

public sealed class BatchLinesTests
{
    private const int MaxLine = 200;

    /// <summary>If lines may be at least this long, the parser takes many plain lines at a time.</summary>
    private const int LongMaxLine = 1024;

    /// <summary>Lines, counts and reasons must not depend on how the body is split into pieces.</summary>
    [Fact]
    public void Pieces_of_any_size_have_the_same_lines()
    {
        var random = Seed.Random(nameof(Pieces_of_any_size_have_the_same_lines));
        for (var round = 0; round < 300; round++)
        {
            var lines = Enumerable.Range(0, random.Next(0, 30)).Select(_ => RandomLine(random)).ToList();
            var body = Encoding.UTF8.GetBytes(string.Join('\n', lines) + (random.Next(2) == 0 ? "\n" : ""));
            var builder = new AppendGroupBuilder(EventTypes.Default, TimeProvider.System);
            var maxLine = random.Next(2) == 0 ? MaxLine : LongMaxLine;
            using var whole = new BatchLines(builder, maxLine, hashed: true, maxListed: 100);
            for (var at = 0; at < body.Length;)
            {
                var piece = Math.Min(body.Length - at, random.Next(1, 300));
                whole.Add(body.AsSpan(at, piece));
                at += piece;
            }

            whole.Complete();

            var parser = new EventParser(EventTypes.Default);
            var expected = lines.Select((line, index) => (Line: index + 1, Outcome: Judge(parser, line, maxLine, out var reason), Reason: reason)).ToList();
            Assert.True(expected.Count(line => line.Outcome == ParseOutcome.Event) == builder.Count, $"round {round}; {Seed.Hint}");
            var rejected = expected.Where(line => line.Outcome == ParseOutcome.Rejected).Select(line => new RejectedLine(line.Line, line.Reason.Describe()))
                .ToList();
            Assert.True(rejected.SequenceEqual(whole.Rejected), $"round {round}; {Seed.Hint}");
            Assert.True(rejected.Count == whole.RejectedCount, $"round {round}; {Seed.Hint}");
            Assert.True(System.Security.Cryptography.SHA256.HashData(body).AsSpan().SequenceEqual(whole.Hash()), $"round {round}; {Seed.Hint}");
            Assert.Equal(body.Length, whole.Length);
        }
    }

    [Fact]
    public void An_endless_line_uses_no_memory_beyond_the_limit()
    {
        var builder = new AppendGroupBuilder(EventTypes.Default, TimeProvider.System);
        using var lines = new BatchLines(builder, 65536, hashed: false, maxListed: 100);
        var piece = new byte[4096];
        Array.Fill(piece, (byte)'x');
        lines.Add(piece);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var count = 0; count < 10_000; count++)
        {
            lines.Add(piece);
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 200_000);
        lines.Complete();
        Assert.Equal(1, lines.RejectedCount);
    }

    private static ParseOutcome Judge(EventParser parser, string line, int maxLine, out RejectReason reason)
    {
        if (line.Length > maxLine)
        {
            reason = RejectReason.TooLong;
            return ParseOutcome.Rejected;
        }

        var outcome = parser.Parse(Encoding.UTF8.GetBytes(line), out var parsed);
        reason = parsed.Reason;
        return outcome;
    }

    private static string RandomLine(Random random) => random.Next(8) switch
    {
        0 => "",
        1 => " \r",
        2 => "garbage",
        3 => Sample.OfLength(MaxLine + random.Next(0, 2)),
        4 => new string('y', random.Next(1, 1000)),
        5 => "{\"userId\":\"a\"}",
        _ => Sample.Add("user" + random.Next(100), random.Next()),
    };
}
