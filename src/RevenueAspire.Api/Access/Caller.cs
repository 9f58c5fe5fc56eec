using RevenueAspire.Api.Ingest;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Access;

/// <summary>An authenticated sender of events: a named secret, an unnamed secret, or the client of a token. Immutable and thread-safe.</summary>
/// <param name="name">Null for an unnamed secret.</param>
/// <param name="metrics">The caller's counters; several callers may share them.</param>
internal sealed class Caller(CallerName? name, CallerMetrics metrics)
{
    /// <summary>The caller's name in its records and the owner of its idempotency keys; null for an unnamed secret.</summary>
    public CallerName? Name { get; } = name;

    public CallerMetrics Metrics { get; } = metrics;
}
