using System.Collections.Concurrent;
using System.Security.Claims;
using RevenueAspire.Api.Ingest;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Access;

/// <summary>An authenticated sender of events: a named secret, an unnamed secret, or the client of a token.</summary>
/// <param name="name">The caller's name in its records and the owner of its idempotency keys; null for an unnamed secret.</param>
/// <param name="metrics">The caller's counters; several callers may share them.</param>
internal sealed class Caller(CallerName? name, CallerMetrics metrics)
{
    public CallerName? Name => name;

    public CallerMetrics Metrics => metrics;
}

/// <summary>The callers, by name. Thread-safe.</summary>
internal sealed class Callers(IngestMetrics metrics)
{
    /// <summary>Maximum number of token callers with a separate value of the metric tag <c>caller</c>. Further callers share the value <c>other</c>.</summary>
    public const int MaxCounted = 100;

    /// <summary>Maximum number of token callers in memory. Further callers get a new object per request.</summary>
    private const int MaxKept = 10_000;

    /// <summary>Maximum length of a token name in memory, in characters.</summary>
    private const int MaxKeptLength = 256;

    private readonly ConcurrentDictionary<string, Caller> _byName = new(StringComparer.Ordinal);

    // Serializes additions, so that no value of the metric tag is added twice.
    private readonly Lock _gate = new();
    private int _tokens;
    private CallerMetrics? _other;

    public Caller OfSecret(string? name) => name is null ? new Caller(null, metrics.Unnamed) : Find(name) ?? Add(name, isSecret: true);

    /// <summary>The caller of a token; null for a principal without <see cref="Scopes.CallerType"/>.</summary>
    public Caller? Of(ClaimsPrincipal principal) =>
        principal.FindFirst(Scopes.CallerType)?.Value is not { Length: > 0 } name ? null : Find(name) ?? Add(name, isSecret: false);

    private Caller? Find(string name) => _byName.GetValueOrDefault(name);

    private Caller Add(string name, bool isSecret)
    {
        lock (_gate)
        {
            if (Find(name) is { } known)
            {
                return known;
            }

            var isKept = isSecret || (name.Length <= MaxKeptLength && _tokens < MaxKept);
            var isCounted = isSecret || (isKept && _tokens < MaxCounted && name != IngestMetrics.OtherName);
            var text = new CallerName(name);
            var caller = new Caller(text, isCounted ? metrics.Add(text.Text) : _other ??= metrics.Add(IngestMetrics.OtherName));
            if (isKept)
            {
                _byName[name] = caller;
                _tokens += isSecret ? 0 : 1;
            }

            return caller;
        }
    }
}
