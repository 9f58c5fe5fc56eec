using System.Diagnostics;
using System.Net;
using System.Text;
using RevenueAspire.Testing;
using RevenueAspire.Torture.Stage;

namespace RevenueAspire.Torture.Load;

/// <summary>Measures the time until the system again accepts an event and applies it. Thread-safe.</summary>
internal sealed class Probe(TortureStage stage, Sent sent) : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);
    private readonly HttpClient[] _http = [.. stage.Apis.Select((_, i) => stage.CreateHttp(TimeSpan.FromSeconds(7), i))];

    /// <summary>Sends an event to each process of the API, and reads it through the next process.</summary>
    /// <returns>The recovery time; null if it exceeds the limit.</returns>
    public async Task<TimeSpan?> MeasureAsync(TimeSpan limit)
    {
        var times = await Task.WhenAll(_http.Select((http, i) => MeasureAsync(http, _http[(i + 1) % _http.Length], limit)));
        return times.Contains(null) ? null : times.Max();
    }

    public void Dispose() => Array.ForEach(_http, http => http.Dispose());

    private async Task<TimeSpan?> MeasureAsync(HttpClient writer, HttpClient reader, TimeSpan limit)
    {
        var id = sent.NextId("p");
        var request = new SentRequest(id, "probe-" + id, [new RevenueEvent("probe", "add_revenue", 1)]);
        sent.Add(request);
        for (var started = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(started) < limit; await Task.Delay(Pause))
        {
            if (request.Receipt is null)
            {
                var (status, text) = await writer.AskAsync(ApiRequests.Post(Encoding.UTF8.GetBytes(request.EventJson(0)), batch: false, request.Key));
                if (status == HttpStatusCode.Accepted)
                {
                    (request.Receipt, request.State) = (ApiRequests.Receipt(text), RequestState.Acknowledged);
                }
            }

            if (request.Receipt is { } receipt
                && (await reader.AskAsync(ApiRequests.Get($"/userEvents?userId=probe&after={receipt}"))).Status == HttpStatusCode.OK)
            {
                return Stopwatch.GetElapsedTime(started);
            }
        }

        return null;
    }
}
