using System.Buffers;
using System.Diagnostics;
using System.Text;

namespace RevenueAspire.Events.Tests;

/// <summary>Limits of depth, size, time and memory.</summary>
public sealed class LimitTests
{
    private const int TenMegabytes = 10_000_000;

    [Theory]
    [InlineData("[", "]")]
    [InlineData("{\"a\":", "}")]
    [InlineData("[{\"userId\":", "}]")]
    public void Nesting_is_allowed_up_to_64_levels(string open, string close)
    {
        var each = open.Length == 1 || open[0] == '{' ? 1 : 2;
        string Line(int levels)
        {
            var inside = levels - 1;
            var nested = string.Concat(Enumerable.Repeat(open, inside / each)) + (inside % each == 1 ? "[" : "") + (inside % each == 1 ? "]" : "0")
                + string.Concat(Enumerable.Repeat(close, inside / each));
            return $"{{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1,\"x\":{nested}}}";
        }

        Assert.Equal(ParseOutcome.Event, EveryPath.Judge(Line(63)).Outcome);
        Assert.Equal(ParseOutcome.Event, EveryPath.Judge(Line(64)).Outcome);
        Assert.Equal(RejectReason.TooDeep, EveryPath.Judge(Line(65)).Reason);
        Assert.Equal(RejectReason.TooDeep, EveryPath.Judge(Line(66)).Reason);
    }

    [Fact]
    public void Unclosed_deep_nesting_is_TooDeep_and_an_earlier_fault_is_InvalidJson()
    {
        Assert.Equal(RejectReason.TooDeep, EveryPath.Judge(new string('[', 100_000)).Reason);
        Assert.Equal(RejectReason.TooDeep, EveryPath.Judge("{\"a\":" + new string('[', 64)).Reason);
        Assert.Equal(RejectReason.InvalidJson, EveryPath.Judge("{\"a\":" + new string('[', 63)).Reason);
        Assert.Equal(RejectReason.InvalidJson, EveryPath.Judge("{,\"a\":" + new string('[', 100)).Reason);
    }

    public static TheoryData<string, RejectReason> HugeLines { get; } = new()
    {
        { "userId", RejectReason.UserIdTooLong },
        { "escaped userId", RejectReason.UserIdTooLong },
        { "name", RejectReason.NameUnknown },
        { "escaped name", RejectReason.NameUnknown },
        { "value", RejectReason.ValueOutOfRange },
        { "fraction", RejectReason.ValueNotAnInteger },
        { "other text", RejectReason.None },
        { "other escaped text", RejectReason.None },
        { "other array", RejectReason.None },
        { "other fields", RejectReason.None },
        { "white space", RejectReason.None },
        { "no end", RejectReason.InvalidJson },
        { "backslashes", RejectReason.InvalidJson },
    };

    [Theory]
    [MemberData(nameof(HugeLines))]
    public void A_line_of_10_MB_gets_the_right_result_in_linear_time(string kind, RejectReason reason)
    {
        var line = Huge(kind);
        Assert.InRange(line.Length, TenMegabytes, TenMegabytes * 2);
        var parser = new EventParser(EventTypes.Default);
        var watch = Stopwatch.StartNew();
        var outcome = parser.Parse(line, out var parsed);
        watch.Stop();
        Assert.Equal(reason, parsed.Reason);
        Assert.Equal(reason == RejectReason.None ? ParseOutcome.Event : ParseOutcome.Rejected, outcome);

        // Quadratic time would take minutes; even a slow machine under load needs far less than the limit.
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(60));
        var writer = new ArrayBufferWriter<byte>();
        Assert.Equal(outcome, parser.ParseAndCompact(line, writer, out _));
        Assert.Equal(Oracle.Judge(line, EventTypes.Default.Signs).Compact, Encoding.Latin1.GetString(writer.WrittenSpan));
    }

    [Theory]
    [InlineData("{\"userId\":\"user1\",\"name\":\"add_revenue\",\"value\":98}")]
    [InlineData("{ \"userId\": \"user1\", \"name\": \"add_revenue\", \"value\": 98 }\r")]
    [InlineData("{\"userId\":\"usér\",\"name\":\"subtract_revenue\",\"value\":9,\"timestamp\":\"2026-01-31T12:34:56.789Z\"}")]
    [InlineData("{\"value\":98,\"user\\u0049d\":\"\\u0075\",\"name\":\"add_revenue\",\"x\":[{}]}")]
    [InlineData("{\"value\":98,\"userId\":\"\",\"name\":\"add_revenue\"}")]
    [InlineData("{\"userId\":\"user1\",\"name\":\"add_revenue\",\"value\":98")]
    [InlineData("{\"x\":{\"y\":[1,2,}}}")]
    [InlineData("x")]
    [InlineData("\uFEFF")]
    public void Parsing_a_line_allocates_nothing_and_so_throws_no_exception(string text)
    {
        var line = Encoding.UTF8.GetBytes(text);
        var parser = new EventParser(EventTypes.Default);
        parser.Parse(line, out _);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var n = 0; n < 100; n++)
        {
            parser.Parse(line, out _);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static byte[] Huge(string kind)
    {
        var x = new string('7', TenMegabytes);
        var escapes = string.Concat(Enumerable.Repeat("\\u0041", TenMegabytes / 6 + 1));
        string Line(string userId = "u", string name = "add_revenue", string value = "1", string more = "") =>
            $"{{\"userId\":\"{userId}\",\"name\":\"{name}\",\"value\":{value}{more}}}";
        return Encoding.UTF8.GetBytes(kind switch
        {
            "userId" => Line(userId: x),
            "escaped userId" => Line(userId: escapes),
            "name" => Line(name: x),
            "escaped name" => Line(name: escapes),
            "value" => Line(value: x),
            "fraction" => Line(value: x + ".5"),
            "other text" => Line(more: $",\"x\":\"{x}\""),
            "other escaped text" => Line(more: $",\"{escapes}\":1"),
            "other array" => Line(more: $",\"x\":[{string.Join(',', Enumerable.Repeat("1", TenMegabytes / 2))}]"),
            "other fields" => Line(more: string.Concat(Enumerable.Range(0, TenMegabytes / 5).Select(n => $",\"{n % 7}\":{n % 5}"))),
            "white space" => Line(more: new string(' ', TenMegabytes)),
            "no end" => Line(more: $",\"x\":\"{x}")[..^1],
            "backslashes" => "{\"userId\":\"" + new string('\\', TenMegabytes),
            _ => throw new ArgumentOutOfRangeException(nameof(kind)),
        });
    }
}
