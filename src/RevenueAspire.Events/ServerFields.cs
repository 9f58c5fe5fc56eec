namespace RevenueAspire.Events;

/// <summary>Top-level fields that only the server writes into a record; a client's own are removed.</summary>
public static class ServerFields
{
    public const string Timestamp = "timestamp";
    public const string Caller = "caller";
    public const string IdempotencyKey = "idempotencyKey";
    public const string BodyHash = "bodyHash";
    public const string TraceParent = "traceparent";
    public const string Batch = "batch";

    /// <summary>Whether a field's name, as it stands between its quotes in valid JSON, is one of these, however it is spelled.</summary>
    internal static bool Contains(ReadOnlySpan<byte> rawName) =>
        JsonStrings.TextEquals(rawName, "timestamp"u8)
        || JsonStrings.TextEquals(rawName, "caller"u8)
        || JsonStrings.TextEquals(rawName, "idempotencyKey"u8)
        || JsonStrings.TextEquals(rawName, "bodyHash"u8)
        || JsonStrings.TextEquals(rawName, "traceparent"u8)
        || JsonStrings.TextEquals(rawName, "batch"u8);
}
