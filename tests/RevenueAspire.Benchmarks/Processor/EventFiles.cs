using System.Text;
using RevenueAspire.Events;

namespace RevenueAspire.Benchmarks.Processor;

/// <summary>Files of events, always the same for the same numbers, and what they add up to.</summary>
internal static class EventFiles
{
    private const int Seed = 7;

    /// <summary>Writes events of users drawn at random.</summary>
    public static void Write(string path, long bytes, int users)
    {
        var random = new Random(Seed);
        using var file = new StreamWriter(path, append: false, new UTF8Encoding(false), 1 << 20) { NewLine = "\n" };
        for (long written = 0; written < bytes;)
        {
            var name = random.NextDouble() < 0.6 ? "add_revenue" : "subtract_revenue";
            var line = FormattableString.Invariant($"{{\"userId\":\"user{random.Next(users)}\",\"name\":\"{name}\",\"value\":{random.Next(1000)}}}");
            file.WriteLine(line);
            written += line.Length + 1;
        }
    }

    /// <summary>Writes a row a user: id and sum.</summary>
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
