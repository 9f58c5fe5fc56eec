using System.Globalization;
using System.Text;

namespace RevenueAspire.Benchmarks.Ingest;

/// <summary>The events that are sent: about 61 bytes each, compact, of up to a million users; the same at every call.</summary>
internal static class EventLines
{
    public const int Users = 1_000_000;

    /// <summary>Lines of about so many bytes in all, cut into bodies at line ends.</summary>
    public static List<(byte[] Body, int Lines)> Bodies(long totalBytes, int bodyBytes)
    {
        var random = new Random(1);
        var bodies = new List<(byte[], int)>();
        var text = new StringBuilder(bodyBytes + 128);
        for (long total = 0; total < totalBytes;)
        {
            text.Clear();
            var lines = 0;
            while (text.Length < bodyBytes - 128)
            {
                text.Append(CultureInfo.InvariantCulture, $"{{\"userId\":\"user{random.Next(Users)}\",\"name\":\"{(random.Next(3) == 0 ? "subtract" : "add")}_revenue\",\"value\":{random.Next(1000)}}}\n");
                lines++;
            }

            bodies.Add((Encoding.UTF8.GetBytes(text.ToString()), lines));
            total += text.Length;
        }

        return bodies;
    }
}
