using System.Text;

namespace RevenueAspire.Events.Tests;

/// <summary>Generates lines: mostly events, in every spelling that JSON allows, and all kinds of faulty lines.</summary>
internal sealed class LineGenerator(Random random)
{
    private static readonly string[] KnownNames = ["add_revenue", "subtract_revenue"];

    private static readonly string[] ServerNames = ["timestamp", "caller", "idempotencyKey", "bodyHash", "traceparent", "batch"];

    private static readonly string[] Numbers =
    [
        "0", "-0", "1", "-1", "98", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "-9223372036854775809", "999999999999999999",
        "1000000000000000000", "1.0", "1e3", "1E+2", "-0.0", "0.5e-7", "18446744073709551616", "99999999999999999999999999999999999999999999", "12345678",
        "123456789",
    ];

    private static readonly string[] NotJson = ["01", "-", "+1", "1.", ".5", "NaN", "nul", "'a'", "\"a", "[1,]", "{\"a\":}", "{\"a\" 1}", "{,}", "\"\t\"",
        "\"\\x\"", "\"\\u12\"", "/**/1", "1//"];

    private static readonly string[] Texts =
        ["", "a", "user1", "é", "😀", "\\ud83d\\ude00", "\\ud800", "\\udc00\\ud800", "\\u0000", "\\u0041", "\\n", "\\\"", "\\\\", "\\/", "ÿ\uFFFF", "\\uFEFF",
            "{\\\"userId\\\":1}"];

    /// <summary>Returns a line, an event in most cases.</summary>
    public byte[] Next() => Encoding.UTF8.GetBytes(random.Next(10) switch
    {
        0 or 1 or 2 => PlainLine(),
        3 => Surround(Value(random.Next(3))),
        _ => Surround(Object()),
    });

    /// <summary>Returns the line with one to three small changes.</summary>
    public byte[] Mutate(byte[] line)
    {
        var bytes = line.ToList();
        for (var n = random.Next(1, 4); n > 0 && bytes.Count > 0; n--)
        {
            var at = random.Next(bytes.Count);
            switch (random.Next(7))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes.RemoveAt(at);
                    break;
                case 2:
                    bytes.Insert(at, (byte)random.Next(256));
                    break;
                case 3:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                case 4:
                    bytes[at] = (byte)"\"\\{}[]:,0-.eu \t\r\n\0\u007F"[random.Next(19)];
                    break;
                case 5:
                    // Repeat a part of the line: duplicate fields, doubled quotes, two objects.
                    bytes.InsertRange(at, bytes.GetRange(at, random.Next(bytes.Count - at + 1)));
                    break;
                default:
                    // Insert bytes that are invalid in UTF-8: overlong, surrogate, too large, a lone continuation.
                    bytes.InsertRange(at, Pick<byte[]>([[0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0x80], [0xE2, 0x82], [0xEF, 0xBB, 0xBF]]));
                    break;
            }
        }

        return [.. bytes];
    }

    private string PlainLine()
    {
        var (open, colon, comma, close) = Pick<(string, string, string, string)>(
            [("{", ":", ",", "}"), ("{ ", ": ", ", ", " }"), ("{", ": ", ", ", "}"), ("{", ":", ", ", "}")]);
        var user = random.Next(6) switch
        {
            0 => new string('x', random.Next(250, 260)),
            1 => string.Concat(Enumerable.Repeat("é😀", random.Next(1, 45))),
            2 => Text(),
            _ => "user" + random.Next(1_000_000),
        };
        var line = $"{open}\"userId\"{colon}\"{user}\"{comma}\"name\"{colon}\"{Name()}\""
            + $"{comma}\"value\"{colon}{(random.Next(3) == 0 ? Pick(Numbers) : random.Next(-5, 1000))}";
        for (var n = random.Next(8) - 4; n > 0; n--)
        {
            line += $"{comma}\"{FieldName()}\"{colon}{(random.Next(2) == 0 ? $"\"{Text()}\"" : Value(2))}";
        }

        return line + close + Pick(["", "", "", "\r", " ", "x"]);
    }

    private string Object()
    {
        var fields = new List<string> { Field("userId", $"\"{(random.Next(3) == 0 ? Text() : "u" + random.Next(9))}\""), Field("name", $"\"{Name()}\""),
            Field("value", Number()) };
        if (random.Next(6) == 0)
        {
            fields.RemoveAt(random.Next(fields.Count));
        }

        for (var n = random.Next(4); n > 0; n--)
        {
            fields.Add(Field(FieldName(), Value(3)));
        }

        var shuffled = fields.ToArray();
        random.Shuffle(shuffled);
        return "{" + Space() + string.Join(Space() + "," + Space(), shuffled) + Space() + "}";
    }

    private string Field(string name, string value) =>
        $"\"{(random.Next(4) == 0 ? Escape(name) : name)}\"{Space()}:{Space()}{(random.Next(25) == 0 ? Value(2) : value)}";

    private string FieldName() => random.Next(8) switch
    {
        0 or 1 or 2 => Pick(ServerNames),
        3 => Pick(["userId", "name", "value"]),
        4 => Pick(["userid", "UserId", "names", "valu", "timestam", "Batch", "batch2"]),
        _ => Text(),
    };

    private string Name() => random.Next(12) switch
    {
        0 => Escape(Pick(KnownNames)),
        1 =>
            Pick(["", "add_revenu", "add_revenue ", "Add_revenue", "refund", "\\ud800", "add_revenue\\u0000", "é", new string('n', 200), "subtract_revenue\\"]),
        _ => Pick(KnownNames),
    };

    private string Number() => random.Next(12) == 0 ? new string('9', random.Next(1, 60))
        : random.Next(3) == 0 ? Pick(Numbers) : random.Next(-100, 100_000).ToString(System.Globalization.CultureInfo.InvariantCulture);

    private string Value(int depth) => random.Next(12) switch
    {
        0 => Pick(["true", "false", "null"]),
        1 => random.Next(4) == 0 ? Pick(NotJson) : "\"\"",
        2 => random.Next(6) == 0 ? Nested(random.Next(60, 68)) : "[]",
        3 or 4 when depth > 0 =>
            "[" + Space() + string.Join(Space() + "," + Space(), Enumerable.Range(0, random.Next(4)).Select(_ => Value(depth - 1))) + Space() + "]",
        5 or 6 when depth > 0 =>
            "{" + Space() + string.Join(",", Enumerable.Range(0, random.Next(4)).Select(_ => Field(FieldName(), Value(depth - 1)))) + Space() + "}",
        7 or 8 => Number(),
        _ => $"\"{Text()}\"",
    };

    private string Nested(int levels) => random.Next(3) == 0
        ? string.Concat(Enumerable.Repeat("{\"a\":", levels)) + "1" + new string('}', levels)
        : new string('[', levels) + new string(']', levels - (random.Next(8) == 0 ? 1 : 0));

    private string Text() => string.Concat(Enumerable.Range(0, random.Next(3)).Select(_ => Pick(Texts)));

    private string Escape(string text) =>
        string.Concat(text.Select(c => random.Next(3) == 0 ? $"\\u{(int)c:x4}" : random.Next(5) == 0 ? $"\\u{(int)c:X4}" : c.ToString()));

    private string Space() => random.Next(4) == 0 ? Pick([" ", "  ", "\t", "\r", "\n", "\r\n "]) : "";

    private string Surround(string text) =>
        Pick(["", "", "", "\uFEFF", "\uFEFF\uFEFF", " "]) + Space() + text + Space() + Pick(["", "", "", "\r", ",", "{}", "\0"]);

    private T Pick<T>(T[] choices) => choices[random.Next(choices.Length)];
}
