using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using RevenueAspire.Testing;

namespace RevenueAspire.Torture.Load;

/// <summary>Requests to the API whose answers may be lost.</summary>
internal static class ApiRequests
{
    /// <summary>A POST of one event, or of a batch.</summary>
    public static HttpRequestMessage Post(byte[] body, bool batch, string? key = null, bool gzip = false)
    {
        var content = new ByteArrayContent(gzip ? Gzip.Compress(body) : body);
        content.Headers.ContentType = new MediaTypeHeaderValue(batch ? "application/x-ndjson" : "application/json");
        if (gzip)
        {
            content.Headers.ContentEncoding.Add("gzip");
        }

        var request = new HttpRequestMessage(HttpMethod.Post, batch ? "/liveEvents" : "/liveEvent") { Content = content };
        if (key is not null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }

        return request;
    }

    public static HttpRequestMessage Get(string path) => new(HttpMethod.Get, path);

    /// <summary>Sends a request and disposes it.</summary>
    /// <returns>Status and body; without an answer, a null status and the reason.</returns>
    public static async Task<(HttpStatusCode? Status, string Text)> AskAsync(this HttpClient http, HttpRequestMessage request)
    {
        try
        {
            using (request)
            {
                using var response = await http.SendAsync(request);
                return (response.StatusCode, await response.Content.ReadAsStringAsync());
            }
        }
        catch (Exception lost) when (lost is HttpRequestException or TaskCanceledException or IOException or System.Net.Sockets.SocketException)
        {
            return (null, lost.Message);
        }
    }

    /// <summary>Whether there was no answer, or the API was not ready: the caller may then repeat the request with its key.</summary>
    public static bool IsUnavailable([NotNullWhen(false)] HttpStatusCode? status) =>
        status is null or HttpStatusCode.ServiceUnavailable or HttpStatusCode.RequestTimeout;

    /// <summary>The receipt in an answer.</summary>
    public static string Receipt(string answer)
    {
        using var json = JsonDocument.Parse(answer);
        return json.RootElement.GetProperty("receipt").GetString()!;
    }
}
