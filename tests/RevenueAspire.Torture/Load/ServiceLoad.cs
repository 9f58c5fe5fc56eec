using System.Net;
using System.Text.Json;
using RevenueAspire.Testing;
using RevenueAspire.Torture.Checks;
using RevenueAspire.Torture.Stage;

namespace RevenueAspire.Torture.Load;

/// <summary>
/// Sends files one after the other with the product's client, which runs as a service. A repeat of a failed call continues where the failed call ended.
/// </summary>
internal sealed class ServiceLoad(TortureStage stage, Sent sent, Random random)
{
    /// <summary>Placeholder for the keys of its requests, which the client generates.</summary>
    public const string Key = "service";

    private const int Users = 70;
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(200);

    /// <summary>Sends until <paramref name="stop"/>, then finishes the current file until <paramref name="giveUp"/>.</summary>
    public async Task RunAsync(CancellationToken stop, CancellationToken giveUp)
    {
        using var http = new HttpClient { BaseAddress = new Uri(stage.ClientUrl), Timeout = TimeSpan.FromMinutes(2) };
        for (var number = 1; !stop.IsCancellationRequested; number++)
        {
            await SendFileAsync(http, number, giveUp);
        }
    }

    private async Task SendFileAsync(HttpClient http, int number, CancellationToken giveUp)
    {
        var (file, requests) = sent.WriteFile(stage.ClientFile + ".next", $"s{number}", Key, random, random.Next(50, ClientLoad.MaxKeptLines), Users);
        File.Move(file.Path, stage.ClientFile, overwrite: true);
        while (!await IsSentAsync(http, file, requests))
        {
            if (giveUp.IsCancellationRequested)
            {
                stage.Violations.Add(ViolationKind.Other, $"file {number} of the client service was never sent completely");
                return;
            }

            await Task.Delay(RetryPause, CancellationToken.None);
        }
    }

    /// <returns>Whether the file needs no further call.</returns>
    private async Task<bool> IsSentAsync(HttpClient http, EventFile file, SentRequest[] requests)
    {
        try
        {
            using var answer = await http.PostAsync(new Uri("/generateEvents", UriKind.Relative), null);
            var text = await answer.Content.ReadAsStringAsync();
            switch (answer.StatusCode)
            {
                case HttpStatusCode.OK:
                    Check(text, file);
                    Array.ForEach(requests, request => request.State = RequestState.Acknowledged);
                    return true;
                case HttpStatusCode.Conflict or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable:
                    return false;
                case HttpStatusCode.InternalServerError
                    when stage.Retains && text.Contains("no longer remembers the keys of its open requests", StringComparison.Ordinal):
                    // The client stops, because it cannot distinguish a repeat from a new event.
                    return true;
                default:
                    stage.Violations.Add(ViolationKind.Other, $"generateEvents was answered with {(int)answer.StatusCode} {text}");
                    return true;
            }
        }
        catch (Exception lost) when (lost is HttpRequestException or TaskCanceledException or IOException)
        {
            if (lost is not HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError })
            {
                // The client may have finished while no caller was waiting for the result. Then the next call correctly sends the file again.
                Array.ForEach(requests, request => request.AllowedTimes++);
            }

            return false;
        }
    }

    private void Check(string text, EventFile file)
    {
        using var json = JsonDocument.Parse(text);
        if ((json.RootElement.GetProperty("accepted").GetInt32(), json.RootElement.GetProperty("rejected").GetInt32()) is var counts
            && counts != (file.Events, file.Rejected.Count))
        {
            stage.Violations.Add(ViolationKind.Other, $"generateEvents: expected {(file.Events, file.Rejected.Count)} events and rejected lines, got {counts}");
        }
    }
}
