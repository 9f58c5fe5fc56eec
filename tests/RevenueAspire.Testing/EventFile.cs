using System.Text;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests;

/// <summary>A generated file of events, and what it adds up to.</summary>
internal sealed class EventFile
{
    private static readonly string[] BadLines =
    [
        "{\"userId\":\"user1\",\"name\":\"add_revenue\",\"value\":1.5}",
        "{\"userId\":\"user1\",\"name\":\"add_revenue\",\"value\":\"1\"}",
        "{\"userId\":\"user1\",\"name\":\"add_revenue\",\"value\":9223372036854775808}",
        "{\"userId\":\"user1\",\"name\":\"give_revenue\",\"value\":1}",
        "{\"userId\":\"user1\",\"name\":\"add_revenue\"}",
        "{\"userId\":\"\",\"name\":\"add_revenue\",\"value\":1}",
        "{\"userId\":\"nul\\u0000\",\"name\":\"add_revenue\",\"value\":1}",
        "{\"userId\":\"lone \\ud800\",\"name\":\"add_revenue\",\"value\":1}",
        "{\"userId\":\"user1\",\"name\":\"add_revenue\",\"value\":1,\"value\":2}",
        "{\"userId\":\"user1\",\"name\":\"add_revenue\",\"value\":1",
        "[1]",
        "user1,add_revenue,1",
    ];

    private EventFile(string path, int events, IReadOnlyList<string> rejected, Totals totals) => (Path, Events, Rejected, Totals) = (path, events, rejected, totals);

    public string Path { get; }

    /// <summary>Number of valid lines.</summary>
    public int Events { get; }

    /// <summary>The bad lines, in order.</summary>
    public IReadOnlyList<string> Rejected { get; }

    public Totals Totals { get; }

    /// <summary>Writes <paramref name="events"/> valid lines, and about one bad line for each <paramref name="badEvery"/> (0: none), with some blank lines, CRLF and extra fields between.</summary>
    public static EventFile Write(string path, Random random, int events, int users, int badEvery = 0)
    {
        var totals = new Totals();
        var rejected = new List<string>();
        using var writer = new StreamWriter(path, append: false, new UTF8Encoding(false));
        for (var written = 0; written < events;)
        {
            if (badEvery > 0 && random.Next(badEvery) == 0)
            {
                rejected.Add(BadLines[random.Next(BadLines.Length)]);
                writer.Write(rejected[^1] + "\n");
                continue;
            }

            var e = Event.Next(random, users);
            totals.Add(e);
            written++;
            writer.Write(random.Next(20) switch
            {
                0 => e.ToJson() + "\r\n",
                1 => "\n" + e.ToJson() + "\n",
                2 => e.ToJson()[..^1] + ",\"note\":{\"value\":[1,2]}}\n",
                _ => e.ToJson() + "\n",
            });
        }

        return new EventFile(path, events, rejected, totals);
    }
}
