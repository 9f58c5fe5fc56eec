using System.Globalization;
using System.Threading.RateLimiting;
using Microsoft.Extensions.Options;
using RevenueAspire.Api.Access;
using RevenueAspire.Api.Configuration;
using RevenueAspire.Api.Errors;

namespace RevenueAspire.Api.Ingest;

/// <summary>Limits the events per second of each caller (section <c>Limits</c>). Thread-safe.</summary>
/// <remarks>
/// A request takes one event from the limit before its body is read. The number of a batch's lines is unknown before, so its other lines are taken after its
/// answer. They are always granted, and further requests are refused until the debt is paid off (<see cref="DebtBucket"/>). So a batch may be larger than the
/// burst, and a caller exceeds its rate at most by its batches in flight.
/// </remarks>
internal sealed class CallerLimits : IDisposable
{
    /// <summary>Delay of a refusal. Without it, a caller that retries immediately would cost as much as one that sends events.</summary>
    public static readonly TimeSpan RefusalDelay = TimeSpan.FromSeconds(0.5);

    private readonly PartitionedRateLimiter<Caller>? _limiter;
    private readonly TimeProvider _time;
    private readonly CallerLimit? _common;
    private readonly Dictionary<string, CallerLimit> _own;

    public CallerLimits(IOptions<LimitsOptions> options, TimeProvider time)
    {
        _time = time;
        var limits = options.Value;
        _common = limits.EventsPerSecond is null ? null : limits;
        _own = new Dictionary<string, CallerLimit>(limits.Callers, StringComparer.OrdinalIgnoreCase);
        if (_common is not null || _own.Count > 0)
        {
            _limiter = PartitionedRateLimiter.Create<Caller, object>(caller => RateLimitPartition.Get(KeyOf(caller), Begin));
        }
    }

    /// <summary>Takes one event from the caller's limit.</summary>
    /// <returns>Null if the request may continue, otherwise the pending refusal.</returns>
    public Task? Refuse(HttpContext context, Caller caller) =>
        _limiter is not null && LimitOf(caller.Name?.Text) is not null ? RefuseOver(_limiter, context, caller) : null;

    /// <summary>Takes the lines of a batch from the caller's limit, except the one that <see cref="Refuse"/> took.</summary>
    public void Charge(Caller caller, int lines)
    {
        if (_limiter is not null && lines > 1 && LimitOf(caller.Name?.Text) is not null)
        {
            // A debt bucket grants this at once.
            _ = _limiter.AcquireAsync(caller, lines - 1).AsTask();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _limiter?.Dispose();

    /// <summary>The key of a caller's limit: its name if it has one, because a token's caller may be a different object in each request.</summary>
    private static object KeyOf(Caller caller) => caller.Name?.Text ?? (object)caller;

    private DebtBucket Begin(object key)
    {
        var limit = LimitOf(key as string)!;
        return new DebtBucket(limit.EventsPerSecond!.Value, limit.Burst ?? limit.EventsPerSecond.Value, _time);
    }

    private CallerLimit? LimitOf(string? name) => (name is null ? null : _own.GetValueOrDefault(name)) ?? _common;

    private Task? RefuseOver(PartitionedRateLimiter<Caller> limiter, HttpContext context, Caller caller)
    {
        var lease = limiter.AttemptAcquire(caller);
        return lease.IsAcquired ? null : RefuseAsync(context, caller, lease.TryGetMetadata(MetadataName.RetryAfter, out var wait) ? wait : default);
    }

    private async Task RefuseAsync(HttpContext context, Caller caller, TimeSpan wait)
    {
        caller.Metrics.Limited.Add(1);
        IngestRequest.CloseUnlessCheap(context);
        try
        {
            await Task.Delay(RefusalDelay, _time, context.RequestAborted);
        }
        catch (OperationCanceledException)
        {
            // The caller has disconnected.
            return;
        }

        var seconds = (int)Math.Clamp(Math.Ceiling((wait - RefusalDelay).TotalSeconds), 1, int.MaxValue);
        await ProblemResponse.WriteAsync(context, StatusCodes.Status429TooManyRequests,
            string.Create(
                CultureInfo.InvariantCulture, $"This caller is over its limit of events per second. Nothing was appended; try again in {seconds} s."),
            retryAfterSeconds: seconds);
    }
}
