namespace RevenueAspire.Events;

/// <summary>Top-level fields that only the server writes into a record. The log removes a client's own fields of these names.</summary>
public static class ServerFields
{
    public const string Timestamp = "timestamp";
    public const string Caller = "caller";
    public const string IdempotencyKey = "idempotencyKey";
    public const string BodyHash = "bodyHash";
    public const string TraceParent = "traceparent";
    public const string Batch = "batch";

    /// <summary>Whether the raw name of a field in valid JSON is one of these, with or without escapes.</summary>
    internal static bool Contains(ReadOnlySpan<byte> rawName) =>
        JsonStrings.TextEquals(rawName, "timestamp"u8)
        || JsonStrings.TextEquals(rawName, "caller"u8)
        || JsonStrings.TextEquals(rawName, "idempotencyKey"u8)
        || JsonStrings.TextEquals(rawName, "bodyHash"u8)
        || JsonStrings.TextEquals(rawName, "traceparent"u8)
        || JsonStrings.TextEquals(rawName, "batch"u8);
}
