using RevenueAspire.Api.Ingest;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Access;

/// <summary>An authenticated sender of events: a named secret, an unnamed one, or the client of a token. Immutable and thread-safe.</summary>
/// <param name="name">Null for an unnamed secret.</param>
/// <param name="metrics">Counts its events; callers may share it.</param>
internal sealed class Caller(CallerName? name, CallerMetrics metrics)
{
    /// <summary>Names the caller in its records, and owns its idempotency keys; null for an unnamed secret.</summary>
    public CallerName? Name { get; } = name;

    public CallerMetrics Metrics { get; } = metrics;
}
