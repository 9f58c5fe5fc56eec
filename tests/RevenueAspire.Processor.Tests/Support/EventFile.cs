using System.Globalization;
using System.Text;

namespace RevenueAspire.Processor.Tests.Support;

/// <summary>Random files of events, and what they add up to by the simplest means: as lines are made, their effect is noted.</summary>
internal sealed class EventFile
{
    private static readonly string[] BadLines =
    [
        "{", "not json", "[]", """{"userId":"a"}""", """{"userId":"","name":"add_revenue","value":1}""",
        """{"userId":"a","name":"add_revenue","value":1.5}""", """{"userId":"a","name":"give_revenue","value":1}""", "\"\u0001\"",
        """{"userId":"a","name":"add_revenue","value":1,"value":2}""", """{"userId":"a","name":"add_revenue","value":99999999999999999999}""",
    ];

    private readonly StringBuilder _text = new();

    public Dictionary<string, Int128> Sums { get; } = new(StringComparer.Ordinal);

    /// <summary>Line numbers, from 1, of the lines that are no events.</summary>
    public List<long> RejectedLines { get; } = [];

    public long Lines { get; private set; }

    public long Events { get; private set; }

    public byte[] Bytes => Encoding.UTF8.GetBytes(_text.ToString());

    public static EventFile Random(Random random, int lines, int users, double bad = 0.0, double blank = 0.0)
    {
        var file = new EventFile();
        for (var line = 0; line < lines; line++)
        {
            var dice = random.NextDouble();
            if (dice < bad)
            {
                file.Reject(BadLines[random.Next(BadLines.Length)]);
            }
            else if (dice < bad + blank)
            {
                file.Blank(random.Next(2) == 0 ? "" : "  \t");
            }
            else
            {
                file.Add(UserName(random, users), random.Next(10) == 0 ? random.NextInt64(long.MinValue, long.MaxValue) : random.Next(-1000, 1000),
                    random.Next(3) > 0, random.Next(5) == 0 ? "\r\n" : "\n");
            }
        }

        return file;
    }

    public EventFile Add(string user, long value, bool adds = true, string end = "\n")
    {
        var name = adds ? "add_revenue" : "subtract_revenue";
        _text.Append(CultureInfo.InvariantCulture, $$"""{"userId":"{{user}}","name":"{{name}}","value":{{value}}}""").Append(end);
        Sums[user] = Sums.GetValueOrDefault(user) + (adds ? value : -(Int128)value);
        Lines++;
        Events++;
        return this;
    }

    public EventFile Reject(string line)
    {
        _text.Append(line).Append('\n');
        RejectedLines.Add(++Lines);
        return this;
    }

    public EventFile Blank(string line = "")
    {
        _text.Append(line).Append('\n');
        Lines++;
        return this;
    }

    private static string UserName(Random random, int users)
    {
        var user = random.Next(users);
        return (user % 4) switch
        {
            0 => $"user{user}",
            1 => $"a-user-with-a-longer-name-{user:D12}-{user}",
            2 => $"ü{user}😀",
            _ => $"{user}",
        };
    }
}
