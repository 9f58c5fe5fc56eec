using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json;
using RevenueAspire.Testing;
using RevenueAspire.Torture.Stage;

namespace RevenueAspire.Torture.Load;

/// <summary>Finds out when the whole works again: an event is accepted, and is in the ledger. Thread-safe.</summary>
internal sealed class Probe(TortureStage stage, Sent sent) : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);
    private readonly HttpClient _http = stage.CreateHttp(TimeSpan.FromSeconds(7));

    /// <returns>How long it took; null when it did not within the limit.</returns>
    public async Task<TimeSpan?> MeasureAsync(TimeSpan limit)
    {
        var id = sent.NextId("p");
        var request = new SentRequest(id, "probe-" + id, [new RevenueEvent("probe", "add_revenue", 1)]);
        sent.Add(request);
        for (var started = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(started) < limit; await Task.Delay(Pause))
        {
            try
            {
                if (request.Receipt is null)
                {
                    using var content = new StringContent(request.EventJson(0), Encoding.UTF8, "application/json");
                    using var post = new HttpRequestMessage(HttpMethod.Post, "/liveEvent") { Content = content, Headers = { { "Idempotency-Key", request.Key } } };
                    using var answer = await _http.SendAsync(post);
                    if (answer.StatusCode == HttpStatusCode.Accepted)
                    {
                        using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
                        request.Receipt = json.RootElement.GetProperty("receipt").GetString();
                        request.State = RequestState.Acknowledged;
                    }
                }

                if (request.Receipt is { } receipt)
                {
                    using var read = await _http.GetAsync(new Uri($"/userEvents?userId=probe&after={receipt}", UriKind.Relative));
                    if (read.StatusCode == HttpStatusCode.OK)
                    {
                        return Stopwatch.GetElapsedTime(started);
                    }
                }
            }
            catch (Exception lost) when (lost is HttpRequestException or TaskCanceledException or IOException or System.Net.Sockets.SocketException)
            {
                // Not yet.
            }
        }

        return null;
    }

    public void Dispose() => _http.Dispose();
}
