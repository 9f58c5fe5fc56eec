using System.Text.Json;

namespace RevenueAspire.Api.Tests.Support;

/// <summary>Reads <c>GET /liveLedger</c> event by event.</summary>
internal sealed class LiveViewer : IDisposable
{
    private readonly HttpResponseMessage _response;
    private readonly StreamReader _reader;

    private LiveViewer(HttpResponseMessage response, StreamReader reader) => (_response, _reader) = (response, reader);

    public HttpResponseMessage Response => _response;

    public static async Task<LiveViewer> OpenAsync(ApiHost api, string? secret = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(api.Address, "/liveLedger"));
        if (secret is not null)
        {
            request.Headers.TryAddWithoutValidation("Authorization", secret);
        }

        var response = await api.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        return new LiveViewer(response, new StreamReader(await response.Content.ReadAsStreamAsync()));
    }

    /// <summary>The next event; null at the end of the stream.</summary>
    public async Task<(string Name, JsonElement Data)?> NextAsync()
    {
        using var limit = new CancellationTokenSource(Eventually.DefaultLimit);
        if (await _reader.ReadLineAsync(limit.Token) is not { } name)
        {
            return null;
        }

        var data = await _reader.ReadLineAsync(limit.Token);
        Assert.Equal("", await _reader.ReadLineAsync(limit.Token));
        return (name["event: ".Length..], JsonDocument.Parse(data!["data: ".Length..]).RootElement);
    }

    /// <summary>The next snapshot that satisfies the condition.</summary>
    public async Task<JsonElement> SnapshotAsync(Func<JsonElement, bool> condition)
    {
        for (var end = Environment.TickCount64 + Eventually.DefaultLimit.TotalMilliseconds; Environment.TickCount64 < end;)
        {
            var (name, data) = await NextAsync() ?? throw new InvalidOperationException("The stream ended.");
            if (name == "snapshot" && condition(data))
            {
                return data;
            }
        }

        throw new TimeoutException("No matching snapshot arrived.");
    }

    public void Dispose()
    {
        _reader.Dispose();
        _response.Dispose();
    }
}
