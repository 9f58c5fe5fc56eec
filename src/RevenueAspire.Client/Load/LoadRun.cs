using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics;
using RevenueAspire.Client.Http;
using RevenueAspire.Client.Sending;

namespace RevenueAspire.Client.Load;

/// <summary>The parameters of a load.</summary>
/// <param name="Events">The events to send.</param>
/// <param name="Rate">Events per second.</param>
/// <param name="Duration">Time during which requests become due.</param>
/// <param name="Batch">Events per request; 0 for single ones.</param>
/// <param name="Concurrency">Maximum number of requests in flight.</param>
/// <param name="RequestTimeout">A request without an answer fails after this time.</param>
internal sealed record LoadPlan(LoadEvents Events, int Rate, TimeSpan Duration, int Batch, int Concurrency, TimeSpan RequestTimeout)
{
    /// <summary>Events per request, at least 1.</summary>
    public int EventsPerRequest => Math.Max(1, Batch);

    public double RequestRate => (double)Rate / EventsPerRequest;

    public long Requests => Math.Max(1, (long)Math.Round(RequestRate * Duration.TotalSeconds));
}

/// <summary>Sends the requests of a plan when they are due, and counts the results. Nothing is retried. For one run; counters may be read during it.</summary>
/// <remarks>Latency is measured from the moment that a request was due, not from when it was sent. Otherwise a stall of the API would count as one slow request
/// only, because the client sends no other requests meanwhile (coordinated omission).</remarks>
internal sealed class LoadRun(ApiConnection api, LoadPlan plan)
{
    /// <summary>Time after the end during which requests that are due may still be sent.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(10);

    /// <summary>Maximum number of distinct reasons. Texts from the server could otherwise take unlimited memory.</summary>
    private const int MaxReasons = 20;

    private readonly ConcurrentDictionary<string, long> _failures = new(StringComparer.Ordinal);
    private long _sent;
    private long _accepted;

    /// <summary>Time from due to answered, for all requests. For a request that was never sent: the time that it had waited at the end.</summary>
    public LatencyHistogram Latency { get; } = new();

    /// <summary>Events of requests that were sent.</summary>
    public long Sent => Interlocked.Read(ref _sent);

    public long Accepted => Interlocked.Read(ref _accepted);

    /// <summary>Events of requests that were due but could not be sent in time.</summary>
    public long Unsent { get; private set; }

    /// <summary>Number of events that were not accepted, by reason.</summary>
    public IReadOnlyDictionary<string, long> Failures => _failures;

    /// <summary>Time from the start to the last answer.</summary>
    public TimeSpan Elapsed { get; private set; }

    /// <summary>Runs the load.</summary>
    /// <param name="stop">Ends the load early: no more requests start, and those in flight may finish within the grace period.</param>
    /// <exception cref="SendException">The API refuses the secret or the token.</exception>
    public async Task RunAsync(CancellationToken stop)
    {
        // First "end" stops workers that wait for the next slot. Later "abort" stops workers that wait for an answer.
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stop);
        using var abort = new CancellationTokenSource();
        await using var graceful = end.Token.Register(() => abort.CancelAfter(SendLimits.StopGrace));
        using var pacer = new Pacer(plan.RequestRate, plan.Requests, end.Token);
        end.CancelAfter(plan.Duration + Grace);
        var started = Stopwatch.GetTimestamp();
        var workers = Enumerable.Range(0, plan.Concurrency).Select(_ => WorkAsync(pacer, end, abort.Token)).ToArray();
        try
        {
            await Task.WhenAll(workers);
        }
        finally
        {
            Elapsed = Stopwatch.GetElapsedTime(started);
            CountUnsent(pacer);
        }
    }

    private async Task WorkAsync(Pacer pacer, CancellationTokenSource end, CancellationToken abort)
    {
        using var timeout = new AttemptTimeout(plan.RequestTimeout, abort);
        var body = new ArrayBufferWriter<byte>(plan.EventsPerRequest * LoadEvents.MaxEventBytes);
        try
        {
            while (await pacer.TakeAsync(end.Token) is { } slot)
            {
                plan.Events.Write(slot * plan.EventsPerRequest, plan.EventsPerRequest, body);
                Interlocked.Add(ref _sent, plan.EventsPerRequest);
                var (accepted, failure) = await PostAsync(body.WrittenMemory, timeout, abort);
                Latency.Record(pacer.Since(slot));
                Interlocked.Add(ref _accepted, accepted);
                if (accepted < plan.EventsPerRequest)
                {
                    CountFailed(failure, plan.EventsPerRequest - accepted);
                }

                if (failure is not null)
                {
                    // A broken connection may still read the old body.
                    body = new ArrayBufferWriter<byte>(plan.EventsPerRequest * LoadEvents.MaxEventBytes);
                }
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The load has ended; CountUnsent counts the requests that were due but not sent.
        }
        catch
        {
            await end.CancelAsync();
            throw;
        }
    }

    private async Task<(int Accepted, string? Failure)> PostAsync(ReadOnlyMemory<byte> body, AttemptTimeout timeout, CancellationToken abort)
    {
        try
        {
            var answer = await api.PostAsync(plan.Batch > 0 ? plan.EventsPerRequest : 0, null, body, timeout.Start());
            return answer.Kind switch
            {
                AttemptOutcome.Accepted => (answer.Accepted, answer.RejectedCount > 0 ? "rejected" : null),
                AttemptOutcome.Unauthorized => throw SendException.Unauthorized(api, answer),
                AttemptOutcome.Rejected => (0, "rejected: " + answer.Detail),
                _ => (0, answer.Detail.Length > 0 ? answer.Detail : answer.Kind.ToString()),
            };
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException)
        {
            return (0, ConnectionErrors.Judge(exception).Detail);
        }
        catch (OperationCanceledException)
        {
            return (
                0,
                abort.IsCancellationRequested
                    ? "no answer before the end"
                    : FormattableString.Invariant($"no answer within {plan.RequestTimeout.TotalSeconds:0} s"));
        }
        finally
        {
            timeout.Stop();
        }
    }

    private void CountFailed(string? reason, long events)
    {
        var key = reason ?? "rejected";
        _failures.AddOrUpdate(_failures.ContainsKey(key) || _failures.Count < MaxReasons ? key : "other reasons", events, (_, before) => before + events);
    }

    private void CountUnsent(Pacer pacer)
    {
        var due = pacer.Due;
        for (var slot = pacer.Taken; slot < due; slot++)
        {
            Unsent += plan.EventsPerRequest;
            Latency.Record(pacer.Since(slot));
        }
    }
}
