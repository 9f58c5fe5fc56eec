using RevenueAspire.Events;

namespace RevenueAspire.EventLog;

/// <summary>Turns request lines into a group of records (rule L3): validated, compact, with the server's fields. Not thread-safe; reusable after <see cref="Build"/>.</summary>
/// <remarks>A record is <c>{...what the client sent...,"timestamp":"2026-01-31T12:34:56.789Z"[,"idempotencyKey":"..","bodyHash":".."][,"traceparent":".."][,"batch":{..}]}</c>.
/// The first record of a batch of two or more carries <c>"batch":{}</c>, its last one <c>"batch":{"from":offset,"count":n,"rejected":n,"crc":"8 hex digits"}</c>,
/// so that recovery can tell a torn batch from single records. The key, its body hash and the trace stand on the last record only.</remarks>
public sealed class AppendGroupBuilder(EventTypes types, TimeProvider time)
{
    /// <summary>Parses one line (without newline) and adds it when it is an event.</summary>
    /// <param name="line">The line; copied.</param>
    /// <param name="reason">Why it was rejected, else None.</param>
    public ParseOutcome Add(ReadOnlySpan<byte> line, out RejectReason reason) => throw new NotImplementedException();

    /// <summary>Events added so far.</summary>
    public int Count => throw new NotImplementedException();

    /// <summary>Completes the group and empties the builder. At least one event must have been added.</summary>
    /// <param name="idempotencyKey">1 to 128 visible ASCII characters, or null.</param>
    /// <param name="bodyHash">SHA-256 of the inflated body (32 bytes); needed with a key, else empty.</param>
    /// <param name="traceParent">W3C traceparent of the request, or null.</param>
    /// <param name="rejectedCount">Lines rejected beside the events.</param>
    public AppendGroup Build(string? idempotencyKey = null, ReadOnlySpan<byte> bodyHash = default, string? traceParent = null, int rejectedCount = 0) => throw new NotImplementedException();

    /// <summary>Drops what was added.</summary>
    public void Clear() => throw new NotImplementedException();

    /// <summary>Names the parser's event types.</summary>
    public EventTypes Types { get; } = types;

    internal TimeProvider Time { get; } = time;
}
