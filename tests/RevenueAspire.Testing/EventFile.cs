using System.Text;

namespace RevenueAspire.Testing;

/// <summary>Lines of events, in memory or in a file, with their totals. Not thread-safe.</summary>
public sealed class EventFile
{
    private readonly List<RejectedLine> _rejected = [];
    private readonly List<RevenueEvent> _events = [];

    /// <summary>The lines that are not yet in the file.</summary>
    private readonly StringBuilder _text = new();
    private string? _path;

    /// <summary>A line that is not a valid event.</summary>
    /// <param name="Line">Its number, from 1.</param>
    /// <param name="Offset">Offset of its first byte.</param>
    /// <param name="Text">The line without its newline.</param>
    public sealed record RejectedLine(long Line, long Offset, string Text);

    /// <summary>Invalid lines, each with a different error.</summary>
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
        "\"\u0001\"",
        "user1,add_revenue,1",
    ];

    /// <summary>Full path of the file.</summary>
    /// <exception cref="InvalidOperationException">The lines are in memory.</exception>
    public string Path => _path ?? throw new InvalidOperationException("These lines are in memory, not in a file.");

    /// <summary>The lines in memory, as UTF-8.</summary>
    public byte[] Bytes => Encoding.UTF8.GetBytes(_text.ToString());

    /// <summary>Number of valid lines.</summary>
    public int Events => _events.Count;

    /// <summary>The valid lines' events, in order.</summary>
    public IReadOnlyList<RevenueEvent> Valid => _events;

    /// <summary>The bad lines, in order.</summary>
    public IReadOnlyList<RejectedLine> Rejected => _rejected;

    /// <summary>Number of all lines, including blank ones.</summary>
    public long Lines { get; private set; }

    /// <summary>Length of all lines in bytes.</summary>
    public long Length { get; private set; }

    public Totals Totals { get; } = new();

    /// <summary>Writes random lines to a file.</summary>
    /// <param name="path">The file; replaced.</param>
    /// <param name="random">Decides the content.</param>
    /// <param name="events">Number of valid lines.</param>
    /// <param name="users">Largest number of users.</param>
    /// <param name="badEvery">Valid lines per bad line, on average; 0: no bad lines.</param>
    /// <param name="id">Returns the extra field <c>id</c> for an event's number (from 0); null for no such field.</param>
    public static EventFile Write(string path, Random random, int events, int users, int badEvery = 0, Func<int, string>? id = null)
    {
        File.Delete(path);
        var file = new EventFile { _path = path };
        file.Append(random, events, users, badEvery, id);
        return file;
    }

    /// <summary>Makes random lines in memory.</summary>
    /// <inheritdoc cref="Write"/>
    public static EventFile Random(Random random, int events, int users, int badEvery = 0)
    {
        var file = new EventFile();
        file.Append(random, events, users, badEvery);
        return file;
    }

    /// <summary>Renames the file; replaces an existing file with the new name.</summary>
    public void MoveTo(string path)
    {
        File.Move(Path, path, overwrite: true);
        _path = path;
    }

    /// <summary>Adds random lines: events with and without CRLF and extra fields, blank lines, and bad lines.</summary>
    /// <inheritdoc cref="Write"/>
    public void Append(Random random, int events, int users, int badEvery = 0, Func<int, string>? id = null)
    {
        for (var last = Events + events; Events < last;)
        {
            if (badEvery > 0 && random.Next(badEvery) == 0)
            {
                Reject(BadLines[random.Next(BadLines.Count)]);
                continue;
            }

            var e = RevenueEvent.Next(random, users);
            var json = id is null ? e.ToJson() : e.ToJson(id(Events));
            switch (random.Next(20))
            {
                case 0:
                    Add(e, json + "\r\n");
                    break;
                case 1:
                    Blank(random.Next(2) == 0 ? "" : "  \t");
                    Add(e, json + "\n");
                    break;
                case 2:
                    Add(e, json[..^1] + ",\"note\":{\"value\":[1,2]}}\n");
                    break;
                default:
                    Add(e, json + "\n");
                    break;
            }
        }

        if (_path is not null)
        {
            File.AppendAllText(_path, _text.ToString(), new UTF8Encoding(false));
            _text.Clear();
        }
    }

    /// <summary>Adds an event in memory.</summary>
    public EventFile Add(string user, long value, bool adds = true, string end = "\n")
    {
        var e = new RevenueEvent(user, adds ? "add_revenue" : "subtract_revenue", value);
        return Add(e, e.ToJson() + end);
    }

    /// <summary>Adds a bad line in memory.</summary>
    public EventFile Reject(string line)
    {
        _rejected.Add(new RejectedLine(Lines + 1, Length, line));
        return Line(line + "\n");
    }

    /// <summary>Adds a blank line in memory.</summary>
    public EventFile Blank(string line = "") => Line(line + "\n");

    private EventFile Add(RevenueEvent e, string line)
    {
        Totals.Add(e);
        _events.Add(e);
        return Line(line);
    }

    private EventFile Line(string line)
    {
        _text.Append(line);
        Lines++;
        Length += Encoding.UTF8.GetByteCount(line);
        return this;
    }
}
