using System.Diagnostics;
using System.Net;
using System.Text;
using RevenueAspire.Testing;
using RevenueAspire.Torture.Checks;
using RevenueAspire.Torture.Load;

namespace RevenueAspire.Torture.Soak;

/// <summary>
/// Clients that send single events and batches with keys until the API acknowledges them. They also repeat requests, reuse keys with other bodies, and
/// read their writes. The number n alone determines the n-th event. Thread-safe.
/// </summary>
internal sealed class KeyedLoad(SoakStage stage, int eventsPerSecond) : IDisposable
{
    private const int Workers = 8;
    private const int EventsPerBatch = 25;
    private const int Users = 1_000;
    private const int RepeatEvery = 50;
    private const int ReuseEvery = 70;
    private const int ReadEvery = 30;
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(100);
    private readonly HttpClient[] _http = [.. stage.Apis.Select((_, i) => stage.CreateHttp(TimeSpan.FromSeconds(30), i))];
    private readonly List<bool> _acknowledged = [];

    /// <summary>Number of sent events, acknowledged or not; the next event gets this number.</summary>
    public int Sent
    {
        get
        {
            lock (_acknowledged)
            {
                return _acknowledged.Count;
            }
        }
    }

    /// <summary>The n-th event, counted from 0.</summary>
    public static RevenueEvent Event(int number) => new($"keyed-{number % Users}", number % 3 == 0 ? "subtract_revenue" : "add_revenue", number);

    /// <summary>The extra field <c>id</c> of the n-th event.</summary>
    public static string Id(int number) => $"k{number}";

    /// <summary>The number in an id, or null.</summary>
    public static int? Number(string? id) => id is ['k', .. var digits] && int.TryParse(digits, out var number) ? number : null;

    public bool IsAcknowledged(int number)
    {
        lock (_acknowledged)
        {
            return _acknowledged[number];
        }
    }

    /// <summary>Sends until <paramref name="stop"/>, then waits until all requests are acknowledged or <paramref name="giveUp"/>.</summary>
    public Task RunAsync(CancellationToken stop, CancellationToken giveUp) =>
        Task.WhenAll(Enumerable.Range(0, Workers).Select(worker => Task.Run(() => WorkAsync(worker, stop, giveUp), CancellationToken.None)));

    public void Dispose() => Array.ForEach(_http, http => http.Dispose());

    private async Task WorkAsync(int worker, CancellationToken stop, CancellationToken giveUp)
    {
        // Batches and single requests carry the same number of events.
        const int Cycle = EventsPerBatch + 1;
        var interval = TimeSpan.FromSeconds((double)(2 * EventsPerBatch) / Cycle * Workers / eventsPerSecond);
        var due = Stopwatch.GetElapsedTime(0);
        for (var turn = worker * 7; !stop.IsCancellationRequested; turn++)
        {
            await SendAsync(turn % Cycle == 0 ? EventsPerBatch : 1, turn, stop, giveUp);

            // After a long stop, the client does not catch up on missed requests.
            var now = Stopwatch.GetElapsedTime(0);
            due += interval;
            due = due < now - TimeSpan.FromSeconds(1) ? now : due;
            if (due - now is { Ticks: > 0 } pause && pause > TimeSpan.FromMilliseconds(1))
            {
                await Task.Delay(pause, CancellationToken.None);
            }
        }
    }

    private async Task SendAsync(int events, int turn, CancellationToken stop, CancellationToken giveUp)
    {
        var first = Take(events);
        var key = $"soak-{first}";
        var body = string.Join('\n', Enumerable.Range(first, events).Select(number => Event(number).ToJson(Id(number))));
        for (string? receipt = null; receipt is null;)
        {
            var (status, text) = await PostAsync(key, body, events > 1, turn);
            receipt = status switch
            {
                HttpStatusCode.Accepted => ApiRequests.Receipt(text),
                _ when ApiRequests.IsUnavailable(status) => null,
                _ => throw new InvalidOperationException($"{key} was answered with {(int)status} {text}"),
            };
            if (receipt is not null)
            {
                Acknowledge(first, events);
                await AskAgainAsync(key, body, events > 1, turn, receipt);
            }
            else if (giveUp.IsCancellationRequested)
            {
                stage.Violations.Add(ViolationKind.Other, $"{key} was never acknowledged: {status} {text}");
                return;
            }
            else
            {
                // Try another process of the API, if there is one.
                turn++;
                await Task.Delay(RetryPause, CancellationToken.None);
            }
        }
    }

    /// <summary>Repeats the request, sends its key with another body, or reads its write.</summary>
    private async Task AskAgainAsync(string key, string body, bool batch, int turn, string receipt)
    {
        if (turn % RepeatEvery == 0)
        {
            var (status, text) = await PostAsync(key, body, batch, turn + 1);
            if (status == HttpStatusCode.Accepted ? ApiRequests.Receipt(text) != receipt : !ApiRequests.IsUnavailable(status))
            {
                stage.Violations.Add(ViolationKind.Repeated, $"{key} got the receipt {receipt}, but {(int?)status} {text} on a repeat");
            }
        }

        if (turn % ReuseEvery == 0)
        {
            var (status, text) = await PostAsync(key, new RevenueEvent("other user", "add_revenue", 1).ToJson(), batch, turn);
            if (status != HttpStatusCode.UnprocessableEntity && !ApiRequests.IsUnavailable(status))
            {
                stage.Violations.Add(ViolationKind.Other, $"{key} with another body was answered with {(int)status} {text}");
            }
        }

        if (turn % ReadEvery == 0)
        {
            var (status, text) = await AskAsync(ApiRequests.Get($"/userEvents/{Event(Number(key)).UserId}?after={receipt}"), turn);
            if (status is not (null or HttpStatusCode.OK or HttpStatusCode.ServiceUnavailable))
            {
                stage.Violations.Add(ViolationKind.Other, $"a read after {receipt} was answered with {(int)status} {text}");
            }
        }

        static int Number(string key) => int.Parse(key.AsSpan("soak-".Length), null);
    }

    private int Take(int events)
    {
        lock (_acknowledged)
        {
            var first = _acknowledged.Count;
            _acknowledged.AddRange(Enumerable.Repeat(false, events));
            return first;
        }
    }

    private void Acknowledge(int first, int events)
    {
        lock (_acknowledged)
        {
            for (var number = first; number < first + events; number++)
            {
                _acknowledged[number] = true;
            }
        }
    }

    private Task<(HttpStatusCode? Status, string Text)> PostAsync(string key, string body, bool batch, int turn) =>
        AskAsync(ApiRequests.Post(Encoding.UTF8.GetBytes(body), batch, key), turn);

    private Task<(HttpStatusCode? Status, string Text)> AskAsync(HttpRequestMessage request, int turn) => _http[turn % _http.Length].AskAsync(request);
}
