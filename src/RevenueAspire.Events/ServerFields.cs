namespace RevenueAspire.Events;

/// <summary>Top-level fields that only the server writes into a record; a client's own are removed.</summary>
public static class ServerFields
{
    public const string Timestamp = "timestamp";
    public const string IdempotencyKey = "idempotencyKey";
    public const string BodyHash = "bodyHash";
    public const string TraceParent = "traceparent";
    public const string Batch = "batch";
}
