using System.Globalization;
using System.Threading.RateLimiting;
using Microsoft.Extensions.Options;
using RevenueAspire.Api.Access;
using RevenueAspire.Api.Configuration;
using RevenueAspire.Api.Errors;

namespace RevenueAspire.Api.Ingest;

/// <summary>Limits of the events per second of each caller (section <c>Limits</c>). Thread-safe.</summary>
/// <remarks>
/// A request takes one event before its body is read, a batch the rest of its lines once it is answered: only then their number is known. The rest is granted
/// always, and the caller is refused until it is paid off (<see cref="DebtBucket"/>). So a batch may be larger than the burst, and a caller exceeds its rate
/// by its batches in flight at most.
/// </remarks>
internal sealed class CallerLimits : IDisposable
{
    /// <summary>A refusal is answered late: otherwise a caller that repeats at once would cost as much as one that sends events.</summary>
    public static readonly TimeSpan RefusalDelay = TimeSpan.FromSeconds(0.5);

    private readonly PartitionedRateLimiter<Caller>? _limiter;
    private readonly TimeProvider _time;
    private readonly CallerLimit? _common;
    private readonly Dictionary<string, CallerLimit> _own;

    public CallerLimits(IOptions<LimitsOptions> options, TimeProvider time)
    {
        _time = time;
        var limits = options.Value;
        _common = limits.EventsPerSecond is null ? null : new CallerLimit { EventsPerSecond = limits.EventsPerSecond, Burst = limits.Burst };
        _own = new Dictionary<string, CallerLimit>(limits.Callers, StringComparer.OrdinalIgnoreCase);
        if (_common is not null || _own.Count > 0)
        {
            _limiter = PartitionedRateLimiter.Create<Caller, object>(caller => RateLimitPartition.Get(KeyOf(caller), Begin));
        }
    }

    /// <summary>Takes one event.</summary>
    /// <returns>Null when the request may go on, else the refusal under way.</returns>
    public Task? Refuse(HttpContext context, Caller caller) =>
        _limiter is not null && LimitOf(caller.Name?.Text) is not null ? RefuseOver(_limiter, context, caller) : null;

    /// <summary>Takes the lines of a batch, of which <see cref="Refuse"/> has taken one.</summary>
    public void Charge(Caller caller, int lines)
    {
        if (_limiter is not null && lines > 1 && LimitOf(caller.Name?.Text) is not null)
        {
            // Completed already.
            _ = _limiter.AcquireAsync(caller, lines - 1).AsTask();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _limiter?.Dispose();

    /// <summary>By name where there is one: a caller with a token may be another object with each request.</summary>
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
        caller.Metrics.CountLimited();
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
                CultureInfo.InvariantCulture, $"This caller sends more events per second than its limit. Nothing was appended; try again in {seconds} s."),
            retryAfterSeconds: seconds);
    }
}
