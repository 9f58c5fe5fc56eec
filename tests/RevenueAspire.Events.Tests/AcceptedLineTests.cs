using System.Text;

namespace RevenueAspire.Events.Tests;

/// <summary>The variations that a valid event may have.</summary>
public sealed class AcceptedLineTests
{
    [Theory]
    [InlineData("{\"userId\":\"user1\",\"name\":\"add_revenue\",\"value\":98}")]
    [InlineData("{ \"userId\": \"user1\", \"name\": \"add_revenue\", \"value\": 98 }")]
    [InlineData("{\"userId\": \"user1\", \"name\": \"add_revenue\", \"value\": 98}")]
    [InlineData("{\"userId\":\"user1\",\"name\":\"add_revenue\",\"value\":98}\r")]
    [InlineData("{\"userId\":\"user1\",\"name\":\"add_revenue\",\"value\":98} \t\r")]
    [InlineData("\uFEFF{\"userId\":\"user1\",\"name\":\"add_revenue\",\"value\":98}")]
    [InlineData("\uFEFF  {\"userId\":\"user1\",\"name\":\"add_revenue\",\"value\":98}\r")]
    [InlineData("{\"value\":98,\"name\":\"add_revenue\",\"userId\":\"user1\"}")]
    [InlineData("{\"name\":\"add_revenue\",\"userId\":\"user1\",\"value\":98}")]
    [InlineData("\t{\t\"userId\"\t:\t\"user1\"\t,\r\n\"name\"  :\"add_revenue\",\"value\"\n:\n98\n}\n")]
    [InlineData("{\"user\\u0049d\":\"user1\",\"n\\u0061me\":\"add_revenue\",\"\\u0076alue\":98}")]
    [InlineData("{\"userId\":\"\\u0075ser1\",\"name\":\"add_revenue\",\"value\":98}")]
    [InlineData("{\"userId\":\"user1\",\"name\":\"add\\u005Frevenue\",\"value\":98}")]
    [InlineData("{\"userId\":\"user1\",\"name\":\"add_revenue\",\"value\":98,\"timestamp\":\"2026-01-31T12:34:56.789Z\"}")]
    [InlineData("{\"userId\":\"user1\",\"name\":\"add_revenue\",\"value\":98,\"batch\":{\"from\":1,\"count\":2,\"crc\":\"00c0ffee\"}}")]
    [InlineData("{\"userId\":\"user1\",\"name\":\"add_revenue\",\"value\":98,\"x\":1,\"x\":2,\"x\":[{}],\"timestamp\":1,\"timestamp\":2}")]
    [InlineData("{\"x\":{\"userId\":\"other\",\"value\":1.5},\"userId\":\"user1\",\"name\":\"add_revenue\",\"value\":98}")]
    [InlineData("{\"userId\":\"user1\",\"name\":\"add_revenue\",\"value\":98,\"note\":\"\\ud800\",\"\\udfff\":\"\\u0000\"}")]
    [InlineData("{\"userId\":\"user1\",\"name\":\"add_revenue\",\"value\":98,\"userid\":0,\"userI\":0,\"userIdd\":0,\"\":0}")]
    public void Spelling_does_not_change_the_event(string line)
    {
        var answer = EveryPath.Judge(line);
        Assert.Equal(new ParsedLine(ParseOutcome.Event, RejectReason.None, Convert.ToHexString("user1"u8), 98, 1), answer with { Compact = null });
    }

    [Theory]
    [InlineData("0", 0)]
    [InlineData("-0", 0)]
    [InlineData("-1", -1)]
    [InlineData("12345678", 12345678)]
    [InlineData("123456789", 123456789)]
    [InlineData("999999999999999999", 999999999999999999)]
    [InlineData("1000000000000000000", 1000000000000000000)]
    [InlineData("9223372036854775807", long.MaxValue)]
    [InlineData("-9223372036854775808", long.MinValue)]
    public void A_value_is_any_integer_of_64_bits(string value, long expected)
    {
        string[] lines =
        [
            $"{{\"userId\":\"u\",\"name\":\"subtract_revenue\",\"value\":{value}}}",
            $"{{\"value\":{value},\"userId\":\"u\",\"name\":\"subtract_revenue\"}}",
        ];
        foreach (var line in lines)
        {
            var answer = EveryPath.Judge(line);
            Assert.Equal((ParseOutcome.Event, expected, -1), (answer.Outcome, answer.Value, answer.Sign));
        }
    }

    [Fact]
    public void Delta_of_the_smallest_value_subtracted_does_not_overflow()
    {
        new EventParser(EventTypes.Default).Parse("{\"userId\":\"u\",\"name\":\"subtract_revenue\",\"value\":-9223372036854775808}"u8, out var parsed);
        Assert.Equal((Int128)1 << 63, parsed.Delta);
    }

    [Theory]
    [InlineData("\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t")]
    [InlineData("\\ud83d\\ude00", "😀")]
    [InlineData("\\uD83D\\uDE00!", "😀!")]
    [InlineData("é😀", "é😀")]
    [InlineData("\\u00e9\\uffff\\u0001\\uFEFF", "é\uffff\u0001\uFEFF")]
    [InlineData("a/b%2F..", "a/b%2F..")]
    [InlineData("\u007f\u0080", "\u007f\u0080")]
    public void A_userId_is_the_unescaped_text(string raw, string expected)
    {
        var answer = EveryPath.Judge($"{{\"userId\":\"{raw}\",\"name\":\"add_revenue\",\"value\":1}}");
        Assert.Equal(Convert.ToHexString(Encoding.UTF8.GetBytes(expected)), answer.UserIdHex);
    }

    [Theory]
    [InlineData("x", 1)]
    [InlineData("é", 2)]
    [InlineData("\\u00e9", 2)]
    [InlineData("\\ud83d\\ude00", 4)]
    public void A_userId_has_at_most_256_bytes_once_unescaped(string character, int bytes)
    {
        string Line(string userId) => $"{{\"userId\":\"{userId}\",\"name\":\"add_revenue\",\"value\":1}}";
        var longest = string.Concat(Enumerable.Repeat(character, 256 / bytes));
        Assert.Equal(256 * 2, EveryPath.Judge(Line(longest)).UserIdHex!.Length);
        Assert.Equal(RejectReason.UserIdTooLong, EveryPath.Judge(Line(longest + "x")).Reason);
        Assert.Equal(RejectReason.UserIdTooLong, EveryPath.Judge(Line("x" + longest)).Reason);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\r")]
    [InlineData(" \t \r")]
    [InlineData("\uFEFF")]
    [InlineData("\uFEFF \r")]
    public void A_line_of_white_space_is_blank(string line) => Assert.Equal(ParsedLine.Blank, EveryPath.Judge(line) with { Compact = null });

    [Fact]
    public void Parsing_a_line_does_not_affect_the_next()
    {
        var parser = new EventParser(EventTypes.Default);
        var escaped = "{\"userId\":\"\\u0061bc\",\"name\":\"add_revenue\",\"value\":7}"u8.ToArray();
        string[] others = ["", "x", "{\"userId\":\"\\u0078xxxxx\",\"name\":\"add_revenue\"}", "{\"userId\":\"zzz\",\"name\":\"add_revenue\",\"value\":1}"];
        foreach (var between in others)
        {
            ParsedLine.FromParse(parser, Encoding.UTF8.GetBytes(between));
            Assert.Equal(Convert.ToHexString("abc"u8), ParsedLine.FromParse(parser, escaped).UserIdHex);
        }
    }

    [Fact]
    public void A_configured_name_may_contain_any_characters()
    {
        var types = EventTypes.Create([new("refund", -1), new("gift \"é\"\\", 1), new(new string('n', 128), -1), new("n", 1)]);
        Assert.Equal(-1, EveryPath.Judge("{\"userId\":\"u\",\"name\":\"refund\",\"value\":1}", types).Sign);
        Assert.Equal(1, EveryPath.Judge("{\"userId\":\"u\",\"name\":\"gift \\\"é\\\"\\\\\",\"value\":1}", types).Sign);
        Assert.Equal(1, EveryPath.Judge("{\"userId\":\"u\",\"name\":\"gift \\u0022\\u00e9\\\"\\u005C\",\"value\":1}", types).Sign);
        Assert.Equal(-1, EveryPath.Judge($"{{\"userId\":\"u\",\"name\":\"{new string('n', 128)}\",\"value\":1}}", types).Sign);
        Assert.Equal(1, EveryPath.Judge("{\"userId\":\"u\",\"name\":\"n\",\"value\":1}", types).Sign);
        Assert.Equal(RejectReason.NameUnknown, EveryPath.Judge($"{{\"userId\":\"u\",\"name\":\"{new string('n', 129)}\",\"value\":1}}", types).Reason);
        Assert.Equal(RejectReason.NameUnknown, EveryPath.Judge("{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1}", types).Reason);
    }
}
