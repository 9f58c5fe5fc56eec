using System.Globalization;

namespace RevenueAspire.EventLog;

/// <summary>Names of the files in a log's folder.</summary>
internal static class LogFiles
{
    public const string Lock = "writer.lock";
    public const string Pin = "pinned.lock";
    public const string Identity = "log.json";
    public const string Mark = "durable.mark";
    public const string SegmentSuffix = ".jsonl";
    public const string SealSuffix = ".seal";
    public const string TemporarySuffix = ".tmp";
    private const int OffsetDigits = 20;

    public static string Segment(long start) => start.ToString("D20", CultureInfo.InvariantCulture) + SegmentSuffix;

    public static string Seal(long start) => start.ToString("D20", CultureInfo.InvariantCulture) + SealSuffix;

    public static bool TryParseSegment(string name, out long start) => TryParse(name, SegmentSuffix, out start);

    public static bool TryParseSeal(string name, out long start) => TryParse(name, SealSuffix, out start);

    /// <summary>Offsets of the segments among file names, ascending.</summary>
    public static List<long> Segments(IEnumerable<string> names)
    {
        var starts = new List<long>();
        foreach (var name in names)
        {
            if (TryParseSegment(name, out var start))
            {
                starts.Add(start);
            }
        }

        starts.Sort();
        return starts;
    }

    private static bool TryParse(string name, string suffix, out long start)
    {
        start = 0;
        return name.Length == OffsetDigits + suffix.Length
            && name.EndsWith(suffix, StringComparison.Ordinal)
            && long.TryParse(name.AsSpan(0, OffsetDigits), NumberStyles.None, CultureInfo.InvariantCulture, out start);
    }
}
