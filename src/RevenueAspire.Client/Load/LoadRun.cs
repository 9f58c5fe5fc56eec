using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics;
using RevenueAspire.Client.Http;
using RevenueAspire.Client.Sending;

namespace RevenueAspire.Client.Load;

/// <summary>How a load is driven.</summary>
/// <param name="Events">Which events.</param>
/// <param name="Rate">Events a second.</param>
/// <param name="Duration">For how long requests are due.</param>
/// <param name="Batch">Events a request; 0 for single ones.</param>
/// <param name="Concurrency">Requests in flight at most.</param>
/// <param name="RequestTimeout">After which a request has failed.</param>
internal sealed record LoadPlan(LoadEvents Events, int Rate, TimeSpan Duration, int Batch, int Concurrency, TimeSpan RequestTimeout)
{
    /// <summary>Events a request, at least 1.</summary>
    public int EventsPerRequest => Math.Max(1, Batch);

    public double RequestRate => (double)Rate / EventsPerRequest;

    public long Requests => Math.Max(1, (long)Math.Round(RequestRate * Duration.TotalSeconds));
}

/// <summary>Sends the requests of a plan when they are due, and counts. Nothing is repeated. For one run; counters may be read meanwhile.</summary>
/// <remarks>Latency counts from the moment at which a request was due, not from the one at which it went out: a client that waits for a slow answer before it
/// sends the next request would otherwise measure a stall once, however many requests it kept from being sent (coordinated omission).</remarks>
internal sealed class LoadRun(ApiConnection api, LoadPlan plan)
{
    /// <summary>How long what is due, and could not be sent yet, may still be sent after the end.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(10);

    /// <summary>Reasons that are told apart; texts of another program are not kept without limit.</summary>
    private const int MaxReasons = 20;

    private readonly ConcurrentDictionary<string, long> _failures = new(StringComparer.Ordinal);
    private long _sent;
    private long _accepted;

    /// <summary>From due to answered, of all requests; of those that were never sent, so long as they had waited at the end.</summary>
    public LatencyHistogram Latency { get; } = new();

    /// <summary>Events of requests that were sent.</summary>
    public long Sent => Interlocked.Read(ref _sent);

    public long Accepted => Interlocked.Read(ref _accepted);

    /// <summary>Events of requests that were due and could not be sent in time.</summary>
    public long Unsent { get; private set; }

    /// <summary>Events that were not accepted, by reason.</summary>
    public IReadOnlyDictionary<string, long> Failures => _failures;

    /// <summary>From the start to the last answer.</summary>
    public TimeSpan Elapsed { get; private set; }

    /// <summary>Runs the load.</summary>
    /// <param name="stop">Ends it early: no more requests begin, those in flight get their answers within the grace.</param>
    /// <exception cref="SendException">The API refuses the secret.</exception>
    public async Task RunAsync(CancellationToken stop)
    {
        // Whoever waits for the next moment ends at once when asked to; whoever waits for an answer gets some time for it.
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

                if (failure == Unauthorized)
                {
                    throw new SendException(SendFailure.Unauthorized, $"The API at {api.Url} refuses the secret (401).");
                }

                if (failure is not null)
                {
                    // A broken connection may still read the body.
                    body = new ArrayBufferWriter<byte>(plan.EventsPerRequest * LoadEvents.MaxEventBytes);
                }
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The end of the load; what was due and is not sent is counted there.
        }
        catch
        {
            await end.CancelAsync();
            throw;
        }
    }

    private const string Unauthorized = "401";

    private async Task<(int Accepted, string? Failure)> PostAsync(ReadOnlyMemory<byte> body, AttemptTimeout timeout, CancellationToken abort)
    {
        try
        {
            var answer = await api.PostAsync(plan.Batch > 0 ? plan.EventsPerRequest : 0, null, body, timeout.Start());
            return answer.Kind switch
            {
                AttemptOutcome.Accepted => (answer.Accepted, answer.RejectedCount > 0 ? "rejected" : null),
                AttemptOutcome.Unauthorized => (0, Unauthorized),
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
