using System.Text;
using RevenueAspire.Events;
using RevenueAspire.Testing;

namespace RevenueAspire.Benchmarks;

/// <summary>Generates plain events of about 61 bytes, identical on every call.</summary>
internal static class EventLines
{
    public const int Users = 1_000_000;
    private const int BlockBytes = 1 << 20;
    private const int LongestLine = 128;
    private const int Seed = 7;

    /// <summary>Lines of about the given total size, split into bodies at line ends.</summary>
    public static IEnumerable<(byte[] Body, int Lines)> Bodies(long totalBytes, int bodyBytes, int users = Users)
    {
        var random = new Random(Seed);
        var text = new StringBuilder(bodyBytes + LongestLine);
        for (long total = 0; total < totalBytes; total += text.Length)
        {
            text.Clear();
            var lines = 0;
            for (; text.Length < bodyBytes - LongestLine; lines++)
            {
                text.Append(RevenueEvent.Plain(random, users).ToJson()).Append('\n');
            }

            yield return (Encoding.UTF8.GetBytes(text.ToString()), lines);
        }
    }

    /// <summary>Writes a file of about the given size.</summary>
    /// <returns>Number of lines.</returns>
    public static int Write(string path, long bytes, int users = Users)
    {
        using var file = File.Create(path);
        var lines = 0;
        foreach (var body in Bodies(bytes, BlockBytes, users))
        {
            file.Write(body.Body);
            lines += body.Lines;
        }

        return lines;
    }

    /// <summary>Aggregates a file of events into a CSV file with one row per user: id and sum.</summary>
    public static void WriteAggregated(string events, string csv)
    {
        var sums = new Dictionary<string, Int128>();
        var parser = new EventParser(EventTypes.Default);
        foreach (var line in File.ReadLines(events))
        {
            if (parser.Parse(Encoding.UTF8.GetBytes(line), out var parsed) == ParseOutcome.Event)
            {
                var user = Encoding.UTF8.GetString(parsed.UserId);
                sums[user] = sums.GetValueOrDefault(user) + parsed.Delta;
            }
        }

        File.WriteAllLines(csv, sums.Select(sum => FormattableString.Invariant($"\"{sum.Key.Replace("\"", "\"\"", StringComparison.Ordinal)}\",{sum.Value}")));
    }
}
