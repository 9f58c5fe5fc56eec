using System.Collections.Concurrent;
using System.Globalization;
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
internal sealed class CallerLimits(IOptions<LimitsOptions> options, TimeProvider time)
{
    /// <summary>Delay of a refusal. Without it, a caller that retries immediately would cost as much as one that sends events.</summary>
    public static readonly TimeSpan RefusalDelay = TimeSpan.FromSeconds(0.5);

    /// <summary>Interval of removing full buckets, and minimum time since a removed bucket became full.</summary>
    private static readonly TimeSpan MinIdleTime = TimeSpan.FromSeconds(10);

    private readonly CallerLimit? _common = options.Value.EventsPerSecond is null ? null : options.Value;
    private readonly Dictionary<string, CallerLimit> _own = new(options.Value.Callers, StringComparer.OrdinalIgnoreCase);

    /// <summary>By the caller's name, because a token's caller may be a different object in each request. By the caller itself if it has no name.</summary>
    private readonly ConcurrentDictionary<object, DebtBucket> _buckets = new();
    private long _sweptAt = time.GetTimestamp();

    /// <summary>Takes one event from the caller's limit.</summary>
    /// <returns>Null if the request may continue, otherwise the pending refusal.</returns>
    public Task? Refuse(HttpContext context, Caller caller) => BucketOf(caller)?.TryTake() is { } wait ? RefuseAsync(context, caller, wait) : null;

    /// <summary>Takes the lines of a batch from the caller's limit, except the one that <see cref="Refuse"/> took.</summary>
    public void Charge(Caller caller, int lines)
    {
        if (lines > 1)
        {
            BucketOf(caller)?.Charge(lines - 1);
        }
    }

    private DebtBucket? BucketOf(Caller caller)
    {
        var name = caller.Name?.Text;
        if (((name is null ? null : _own.GetValueOrDefault(name)) ?? _common) is not { } limit)
        {
            return null;
        }

        var key = name ?? (object)caller;
        return _buckets.TryGetValue(key, out var known) ? known : Add(key, limit);
    }

    private DebtBucket Add(object key, CallerLimit limit)
    {
        if (time.GetElapsedTime(_sweptAt) >= MinIdleTime)
        {
            _sweptAt = time.GetTimestamp();
            foreach (var idle in _buckets.Where(bucket => bucket.Value.IdleTime >= MinIdleTime))
            {
                _buckets.TryRemove(idle);
            }
        }

        return _buckets.GetOrAdd(key, new DebtBucket(limit.EventsPerSecond!.Value, limit.Burst ?? limit.EventsPerSecond.Value, time));
    }

    private async Task RefuseAsync(HttpContext context, Caller caller, TimeSpan wait)
    {
        caller.Metrics.Limited.Add(1);
        IngestRequest.CloseUnlessCheap(context);
        try
        {
            await Task.Delay(RefusalDelay, time, context.RequestAborted);
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
