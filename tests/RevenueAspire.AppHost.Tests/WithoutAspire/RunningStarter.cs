using System.Globalization;
using System.Net;
using System.Text.Json;
using RevenueAspire.Testing;

namespace RevenueAspire.AppHost.Tests.WithoutAspire;

/// <summary>The starter as its users run it, on ports and data of its own.</summary>
internal sealed class RunningStarter : IAsyncDisposable
{
    public static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    public static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(20);

    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(10) };

    private RunningStarter(ServiceProcess process, int apiPort, int clientPort) => (Process, ApiPort, ClientPort) = (process, apiPort, clientPort);

    public static string Executable { get; } = Path.Combine(Repository.Root, "RevenueAspire.AppHost", "bin", Repository.Configuration, "net10.0", "RevenueAspire.AppHost.dll");

    public ServiceProcess Process { get; }

    public int ApiPort { get; }

    public int ClientPort { get; }

    public static RunningStarter Start(string data, IReadOnlyDictionary<string, string?>? environment = null, params string[] arguments) =>
        Start(data, FreePort.Next(), FreePort.Next(), environment, arguments);

    public static RunningStarter Start(string data, int api, int client, IReadOnlyDictionary<string, string?>? environment = null, params string[] arguments) =>
        new(ServiceProcess.Start(Executable, [.. Arguments(data, api, client), .. arguments], environment), api, client);

    public static string[] Arguments(string data, int apiPort, int clientPort) =>
        [$"--Data:Directory={data}", string.Create(CultureInfo.InvariantCulture, $"--Ports:Api={apiPort}"), string.Create(CultureInfo.InvariantCulture, $"--Ports:Client={clientPort}")];

    public Task WaitUntilUpAsync() => Process.WaitForLineAsync("Everything is up", StartLimit);

    /// <summary>The revenue of a user; null while there is none.</summary>
    public async Task<long?> RevenueAsync(string userId)
    {
        using var answer = await _http.GetAsync(new Uri($"http://localhost:{ApiPort}/userEvents/{userId}"));
        if (answer.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }

        using var body = JsonDocument.Parse(await answer.EnsureSuccessStatusCode().Content.ReadAsStringAsync());
        return body.RootElement.GetProperty("revenue").GetInt64();
    }

    public Task HasRevenueAsync(string userId, long revenue) => Eventually.EqualsAsync<long?>(revenue, () => RevenueAsync(userId));

    /// <summary>Has the client send its file; waits while it still sends by itself (409).</summary>
    public Task GenerateEventsAsync() => Eventually.EqualsAsync(HttpStatusCode.OK, async () =>
    {
        using var answer = await _http.PostAsync(new Uri($"http://localhost:{ClientPort}/generateEvents"), null);
        Assert.True(answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.Conflict, $"generateEvents answered {answer.StatusCode}.");
        return answer.StatusCode;
    });

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await Process.DisposeAsync();
    }
}
