using System.Buffers;
using System.Diagnostics;
using System.Text;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Diagnostics;

/// <summary>Finds the sampled requests that sent the records of a log's range. The API stores their <c>traceparent</c> in the last record of each
/// request.</summary>
/// <remarks>Runs outside aggregation and reads only a bounded part of the range, so tracing does not change the cost of aggregation.</remarks>
internal static class SampledRequests
{
    /// <summary>Maximum number of links per merge: enough to find the requests, and few enough for every collector.</summary>
    public const int Most = 32;

    /// <summary>Number of bytes to search at the end of a range.</summary>
    internal const int WindowBytes = 1 << 17;

    // {"version":2}-{trace:32}-{span:16}-{flags:2}, W3C Trace Context.
    private const int TraceParentBytes = 55;

    /// <summary>Finds the requests of [from, to), latest first, at most <see cref="Most"/>.</summary>
    public static IReadOnlyList<ActivityContext> Find(ISourceReader log, long from, long to)
    {
        var window = ArrayPool<byte>.Shared.Rent(WindowBytes);
        try
        {
            from = Math.Max(from, to - WindowBytes);
            var bytes = window.AsSpan(0, (int)(to - from));
            SourceScan.Fill(log, from, bytes);
            return Find(bytes);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(window);
        }
    }

    private static List<ActivityContext> Find(ReadOnlySpan<byte> bytes)
    {
        var requests = new List<ActivityContext>();
        for (var rest = bytes; requests.Count < Most && rest.LastIndexOf("\"traceparent\":\""u8) is >= 0 and var at; rest = rest[..at])
        {
            var value = bytes[(at + "\"traceparent\":\"".Length)..];
            if (value.Length > TraceParentBytes && IsServers(value[TraceParentBytes..])
                && ActivityContext.TryParse(Encoding.Latin1.GetString(value[..TraceParentBytes]), null, isRemote: true, out var request)
                && (request.TraceFlags & ActivityTraceFlags.Recorded) != 0)
            {
                requests.Add(request);
            }
        }

        return requests;
    }

    /// <summary>Whether the server added the field. The server's fields end a record; a field of the same name in a client's object does not.</summary>
    private static bool IsServers(ReadOnlySpan<byte> rest) => rest.StartsWith("\"}\n"u8) || rest.StartsWith("\",\"batch\":"u8);
}
