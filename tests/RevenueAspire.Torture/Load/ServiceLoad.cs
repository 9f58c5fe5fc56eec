using System.Net;
using System.Text.Json;
using RevenueAspire.Testing;
using RevenueAspire.Torture.Checks;
using RevenueAspire.Torture.Stage;

namespace RevenueAspire.Torture.Load;

/// <summary>Has the product's client, as a service, send one file after the other; a call that failed is made again, and goes on where that one
/// ended.</summary>
internal sealed class ServiceLoad(TortureStage stage, Sent sent, Random random)
{
    /// <summary>Stands for the key of each of its requests, which the client makes.</summary>
    public const string Key = "service";

    private const int Users = 70;
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(200);

    /// <summary>Sends until <paramref name="stop"/>; then finishes the file at hand, until <paramref name="giveUp"/>.</summary>
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
                stage.Violations.Add(ViolationKind.Other, $"file {number} of the client service was not sent in the end");
                return;
            }

            await Task.Delay(RetryPause, CancellationToken.None);
        }
    }

    /// <returns>Whether there is nothing more to do for the file.</returns>
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
                    // As promised: it stops where nobody can tell a repeat from a new event.
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
                // The run may have come to its end with nobody to tell: then the next call sends the file once more, as it is asked to.
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
            stage.Violations.Add(ViolationKind.Other, $"generateEvents told {counts} events and rejected lines of {(file.Events, file.Rejected.Count)}");
        }
    }
}
