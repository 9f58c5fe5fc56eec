using System.Globalization;
using System.Text;
using RevenueAspire.Events;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Tests;

/// <summary>Compares the fast path for plain lines with the general path, on random texts.</summary>
public sealed class PlainLinesTests
{
    private static readonly string[] Odd =
    [
        "", " ", "\t\r", "garbage", "{}", "null", "{\"userId\":\"a\"}", "{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":1}x",
        "{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":1} ",
        "{\"userId\":\"\",\"name\":\"add_revenue\",\"value\":1}", "{\"userId\":\"a\",\"name\":\"nothing\",\"value\":1}",
        "{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":01}",
        "{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":-0}", "{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":-}",
        "{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":}",
        "{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":1.0}", "{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":1e1}",
        "{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":9223372036854775807}",
        "{\"userId\":\"a\",\"name\":\"subtract_revenue\",\"value\":-9223372036854775808}",
        "{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":9223372036854775808}",
        "{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":999999999999999999}",
        "{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":1,\"batch\":{\"from\":0}}",
        "{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":1,\"value\":2}", "{\"value\":1,\"name\":\"add_revenue\",\"userId\":\"a\"}",
        "{ \"userId\": \"a\", \"name\": \"add_revenue\", \"value\": 1 }",
        "{\"userId\":\"a\\u0062\",\"name\":\"add_revenue\",\"value\":1}", "{\"userId\":\"é😀\",\"name\":\"add_revenue\",\"value\":1}",
        "{\"userId\":\"a\0b\",\"name\":\"add_revenue\",\"value\":1}",
        "{\"userId\":\"a\\u0000\",\"name\":\"add_revenue\",\"value\":1}", "\uFEFF{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":1}",
        "{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":1,\"x\":[{}]}",
        "{\"userId\":\"" + new string('u', 256) + "\",\"name\":\"add_revenue\",\"value\":1}",
        "{\"userId\":\"" + new string('u', 257) + "\",\"name\":\"add_revenue\",\"value\":1}",
    ];

    /// <summary>Uses random lines, plain or unusual, with all kinds of line ends, some cut off or invalid. Both paths must return the same events, rejections,
    /// line numbers and bytes.</summary>
    [Fact]
    public void AddPlainLines_agrees_with_Add_line_by_line()
    {
        var random = Seed.Random(nameof(PlainLinesTests));
        var time = new FixedTime();
        var (quick, slow) = (new AppendGroupBuilder(EventTypes.Default, time), new AppendGroupBuilder(EventTypes.Default, time));
        var plainLines = 0;
        for (var round = 0; round < 4000; round++)
        {
            var text = Text(random);
            var quickRejects = Quick(quick, text, ref plainLines);
            var slowRejects = Slow(slow, text);

            var hint = $"round {round}; {Seed.Hint}: {Encoding.UTF8.GetString(text)}";
            Assert.True(slowRejects.SequenceEqual(quickRejects), hint);
            Assert.True(slow.Count == quick.Count, hint);
            if (slow.Count > 0)
            {
                // Compare the fields that recovery uses, too: counts, checksum, and the position of the last record.
                var (expected, actual) = (slow.Build(rejectedCount: slowRejects.Count), quick.Build(rejectedCount: quickRejects.Count));
                Assert.True(expected.Bytes.SequenceEqual(actual.Bytes), hint);
                var (last, crc, count, hasClosing) = (expected.LastRecord, expected.Crc, expected.Count, expected.HasClosing);
                Assert.True((last, crc, count, hasClosing) == (actual.LastRecord, actual.Crc, actual.Count, actual.HasClosing), hint);
                expected.Release();
                actual.Release();
            }
        }

        Assert.True(plainLines > 10_000, "the fast path was not taken");
    }

    private static byte[] Text(Random random)
    {
        var text = new MemoryStream();
        var oddShare = random.Next(3) switch { 0 => 0, 1 => 10, _ => 60 };
        for (var line = random.Next(0, 20); line > 0; line--)
        {
            var bytes = Encoding.UTF8.GetBytes(random.Next(100) < oddShare ? Odd[random.Next(Odd.Length)] : Plain(random));
            if (bytes.Length > 0 && random.Next(200) < oddShare)
            {
                // Break the line at one byte, but never insert a newline.
                bytes[random.Next(bytes.Length)] = (byte)(random.Next(256) is var other && other != '\n' ? other : ' ');
            }

            text.Write(bytes);
            text.Write(random.Next(100) < oddShare ? "\r\n"u8 : "\n"u8);
        }

        if (text.Length > 0 && random.Next(3) == 0)
        {
            text.SetLength(random.NextInt64(text.Length));
        }

        return text.ToArray();
    }

    private static string Plain(Random random)
    {
        var user = string.Concat(Enumerable.Range(0, random.Next(1, random.Next(10) == 0 ? 257 : 20)).Select(_ => (char)random.Next('#', '[')));
        var value = random.Next(4) == 0 ? random.NextInt64(long.MinValue, long.MaxValue) : random.Next(-1000, 1000);
        return string.Create(CultureInfo.InvariantCulture,
            $$"""{"userId":"{{user}}","name":"{{(random.Next(2) == 0 ? "add_revenue" : "subtract_revenue")}}","value":{{value}}}""");
    }

    /// <summary>Reads like the batch endpoint: plain lines together, other lines one by one.</summary>
    private static List<(int Line, RejectReason Reason)> Quick(AppendGroupBuilder builder, ReadOnlySpan<byte> text, ref int plainLines)
    {
        var rejects = new List<(int, RejectReason)>();
        for (var line = 1; !text.IsEmpty; line++)
        {
            var taken = builder.AddPlainLines(text, out var count);
            Assert.Equal(count, text[..taken].Count((byte)'\n'));
            plainLines += count;
            line += count;
            text = text[taken..];
            if (!text.IsEmpty)
            {
                AddLine(builder, ref text, line, rejects);
            }
        }

        return rejects;
    }

    private static List<(int Line, RejectReason Reason)> Slow(AppendGroupBuilder builder, ReadOnlySpan<byte> text)
    {
        var rejects = new List<(int, RejectReason)>();
        for (var line = 1; !text.IsEmpty; line++)
        {
            AddLine(builder, ref text, line, rejects);
        }

        return rejects;
    }

    private static void AddLine(AppendGroupBuilder builder, ref ReadOnlySpan<byte> text, int number, List<(int Line, RejectReason Reason)> rejects)
    {
        var end = text.IndexOf((byte)'\n');
        var line = end < 0 ? text : text[..end];
        if (builder.Add(line is [.. var front, (byte)'\r'] ? front : line, out var reason) == ParseOutcome.Rejected)
        {
            rejects.Add((number, reason));
        }

        text = end < 0 ? default : text[(end + 1)..];
    }

    private sealed class FixedTime : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch;
    }
}
