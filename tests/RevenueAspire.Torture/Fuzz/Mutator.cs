using System.Text;
using RevenueAspire.Testing;

namespace RevenueAspire.Torture.Fuzz;

/// <summary>Makes lines from a corpus: unchanged, damaged, or combined from pieces of several.</summary>
internal sealed class Mutator(Random random)
{
    private static readonly byte[][] Corpus =
    [
        .. new[]
        {
            """{"userId":"user1","name":"add_revenue","value":98}""",
            """{"userId":"user1","name":"subtract_revenue","value":-9223372036854775808}""",
            """{ "userId": "user 2", "name": "add_revenue", "value": 9223372036854775807 }""",
            """{"value":0,"name":"add_revenue","userId":"é😀"}""",
            """{"userId":"\ud83d\ude00\u0041\"\\\/","name":"add\u005frevenue","value":-0,"note":{"a":[1,2.5e3,null,true],"userId":"inner"}}""",
            """{"userId":"u","name":"add_revenue","value":1,"timestamp":"2026","idempotencyKey":"k","bodyHash":"00","traceparent":"x","""
            + "\"batch\":{\"from\":0,\"count\":9,\"crc\":1}}",
            """{"userId":"u","name":"add_revenue","value":1,"userId":"u"}""",
            """{"userId":"u","name":"refund","value":1}""",
            """{"userId":"u","name":"add_revenue","value":1.0}""",
            """{"userId":"u","name":"add_revenue","value":1e2}""",
            """{"userId":"u","name":"add_revenue","value":9223372036854775808}""",
            """{"userId":"","name":"add_revenue","value":1}""",
            """{"userId":"\u0000","name":"add_revenue","value":1}""",
            """{"userId":"\ud800","name":"add_revenue","value":1}""",
            """{"userId":7,"name":"add_revenue","value":"1"}""",
            "[1]", "null", "\"text\"", "{}", "", " ", "\uFEFF", "{\"userId\"",
        }.Concat(EventFile.BadLines).Select(Encoding.UTF8.GetBytes),
    ];

    private static readonly byte[][] Tokens =
    [
        .. new[]
        {
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u0000", "\\ud800", "\\udc00", "\\u006e", "\"userId\"", "\"name\":", "\"value\":1", "\"add_revenue\"",
            "-", "0", "00", "1e9", ".5", "null", "true", "NaN", "//", "/*",
            " ", "\t", "\r", "\r\n", "\uFEFF", "\0", "\u007f", "é", "\u2028", "99999999999999999999", ",\"x\":[[[[[[[[",
            "\"batch\":{\"from\":0,\"count\":1,\"crc\":0},",
        }.Select(Encoding.UTF8.GetBytes),
        [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0x80], [0xE2, 0x82], [0xFF],
    ];

    /// <summary>The next line; it may contain newlines.</summary>
    public byte[] Next()
    {
        var line = Pick(Corpus).ToList();
        for (var n = random.Next(3) == 0 ? 0 : random.Next(1, 6); n > 0; n--)
        {
            Mutate(line);
        }

        return [.. line];
    }

    /// <summary>Changes some bytes of the line.</summary>
    public void Mutate(List<byte> line)
    {
        var at = random.Next(line.Count + 1);
        var length = random.Next(Math.Min(16, line.Count - at) + 1);
        switch (random.Next(9))
        {
            case 0 when at < line.Count:
                line[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1:
                line.RemoveRange(at, length);
                break;
            case 2:
                line.InsertRange(at, line.GetRange(at, length));
                break;
            case 3:
                line.RemoveRange(at, line.Count - at);
                break;
            case 4:
                var other = Pick(Corpus);
                line.RemoveRange(at, line.Count - at);
                line.AddRange(other.Skip(random.Next(other.Length + 1)));
                break;
            case 5:
                line.Insert(at, (byte)random.Next(256));
                break;
            case 6:
                // Sizes around the limits: long ids, deep values, long lines.
                var piece = Pick(Tokens);
                line.InsertRange(at, Enumerable.Repeat(piece, Pick([16, 64, 256, 300])).SelectMany(bytes => bytes));
                break;
            default:
                line.InsertRange(at, Pick(Tokens));
                break;
        }
    }

    private T Pick<T>(T[] choices) => choices[random.Next(choices.Length)];
}
