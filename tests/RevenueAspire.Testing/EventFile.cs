using System.Text;

namespace RevenueAspire.Testing;

/// <summary>A generated file of events, and what it adds up to. Not thread-safe.</summary>
public sealed class EventFile
{
    private readonly List<RejectedLine> _rejected = [];
    private readonly List<RevenueEvent> _events = [];

    private EventFile(string path) => Path = path;

    /// <summary>A line that is no event.</summary>
    /// <param name="Line">Its number, from 1.</param>
    /// <param name="Offset">Its first byte in the file.</param>
    /// <param name="Text">As it was written, without its newline.</param>
    public sealed record RejectedLine(long Line, long Offset, string Text);

    /// <summary>Lines that are no events, each for another reason.</summary>
    public static IReadOnlyList<string> BadLines { get; } =
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

    /// <summary>Where it is now.</summary>
    public string Path { get; private set; }

    /// <summary>Number of valid lines.</summary>
    public int Events => _events.Count;

    /// <summary>The valid lines' events, in order.</summary>
    public IReadOnlyList<RevenueEvent> Valid => _events;

    /// <summary>The bad lines, in order.</summary>
    public IReadOnlyList<RejectedLine> Rejected => _rejected;

    /// <summary>All lines, blank ones too.</summary>
    public long Lines { get; private set; }

    /// <summary>Bytes.</summary>
    public long Length { get; private set; }

    public Totals Totals { get; } = new();

    /// <summary>Writes <paramref name="events"/> valid lines, and about one bad line for each <paramref name="badEvery"/> (0: none), with some blank lines, CRLF and extra fields between.</summary>
    /// <param name="path">The file; replaced.</param>
    /// <param name="random">Decides.</param>
    /// <param name="events">Valid lines.</param>
    /// <param name="users">Users at most.</param>
    /// <param name="badEvery">Valid lines for a bad one.</param>
    /// <param name="id">Makes an extra field <c>id</c> of the number of the event (from 0), or null.</param>
    public static EventFile Write(string path, Random random, int events, int users, int badEvery = 0, Func<int, string>? id = null)
    {
        File.Delete(path);
        var file = new EventFile(path);
        file.Append(random, events, users, badEvery, id);
        return file;
    }

    /// <summary>Renames it; a file that has the new name is replaced.</summary>
    public void MoveTo(string path)
    {
        File.Move(Path, path, overwrite: true);
        Path = path;
    }

    /// <summary>Adds lines at the end.</summary>
    public void Append(Random random, int events, int users, int badEvery = 0, Func<int, string>? id = null)
    {
        var text = new StringBuilder();
        for (var written = 0; written < events;)
        {
            if (badEvery > 0 && random.Next(badEvery) == 0)
            {
                var bad = BadLines[random.Next(BadLines.Count)];
                _rejected.Add(new RejectedLine(Lines + 1, Length, bad));
                AppendLine(bad + "\n");
                continue;
            }

            var e = RevenueEvent.Next(random, users);
            var json = id is null ? e.ToJson() : e.ToJson(id(_events.Count));
            Totals.Add(e);
            _events.Add(e);
            written++;
            switch (random.Next(20))
            {
                case 0:
                    AppendLine(json + "\r\n");
                    break;
                case 1:
                    AppendLine("\n");
                    AppendLine(json + "\n");
                    break;
                case 2:
                    AppendLine(json[..^1] + ",\"note\":{\"value\":[1,2]}}\n");
                    break;
                default:
                    AppendLine(json + "\n");
                    break;
            }
        }

        File.AppendAllText(Path, text.ToString(), new UTF8Encoding(false));

        void AppendLine(string line)
        {
            text.Append(line);
            Lines++;
            Length += Encoding.UTF8.GetByteCount(line);
        }
    }
}
