using System.Net;
using System.Text;
using System.Text.Json;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests.Replication;

/// <summary>API processes and processors with the log in a replicated database.</summary>
internal sealed class ReplicatedInstallation : IAsyncDisposable
{
    private readonly Installation _installation;
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(15), DefaultRequestHeaders = { { "Authorization", Installation.Secret } } };
    private readonly List<Api> _apis = [];

    private ReplicatedInstallation(Installation installation) => _installation = installation;

    /// <summary>The running API processes.</summary>
    public IReadOnlyList<Api> Apis => _apis;

    public Installation Installation => _installation;

    /// <param name="connectionString">Contains all hosts. The command timeout becomes 2 s, so that tests need not wait 30 s.</param>
    /// <param name="apis">Number of API processes to start.</param>
    public static async Task<ReplicatedInstallation> StartAsync(string connectionString, int apis)
    {
        var installation = new ReplicatedInstallation(await Installation.CreateAsync(connectionString + ";Command Timeout=2"));
        try
        {
            installation._installation.Settings["EventLog__Engine"] = "Postgres";
            for (var i = 0; i < apis; i++)
            {
                await (await installation.StartApiAsync()).Process.WaitForUrlAsync(installation._apis[i].Url + "/health");
            }

            return installation;
        }
        catch
        {
            await installation.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts one more API, and waits until it answers any request. Its database need not accept commits.</summary>
    /// <param name="connectionString">Another database; null for the installation's database.</param>
    public async Task<Api> StartApiAsync(string? connectionString = null)
    {
        var url = $"http://127.0.0.1:{FreePort.Next()}";
        var settings = new Dictionary<string, string?> { ["ASPNETCORE_URLS"] = url };
        if (connectionString != null)
        {
            settings["ConnectionStrings__revenuedb"] = connectionString;
        }

        var api = new Api(_installation.Start("RevenueAspire.Api", settings), url);
        _apis.Add(api);
        await api.Process.WaitForUrlAsync(url + "/alive");
        return api;
    }

    /// <summary>POSTs an event once.</summary>
    /// <returns>The receipt; null if the API refused, gave no answer, or was unavailable.</returns>
    /// <exception cref="InvalidOperationException">The API gave an answer that a failover does not explain.</exception>
    public async Task<string?> PostAsync(Api api, RevenueEvent e, string? key)
    {
        using var content = new StringContent(e.ToJson(), Encoding.UTF8, "application/json");
        using var request = new HttpRequestMessage(HttpMethod.Post, api.Url + "/liveEvent") { Content = content };
        if (key != null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }

        try
        {
            using var response = await _http.SendAsync(request);
            var body = await response.Content.ReadAsStringAsync();
            return response.StatusCode switch
            {
                HttpStatusCode.Accepted => JsonDocument.Parse(body).RootElement.GetProperty("receipt").GetString(),
                HttpStatusCode.ServiceUnavailable or HttpStatusCode.RequestTimeout => null,
                _ => throw new InvalidOperationException($"{(int)response.StatusCode} {body}"),
            };
        }
        catch (Exception lost) when (lost is HttpRequestException or TaskCanceledException or IOException)
        {
            return null;
        }
    }

    /// <summary>POSTs an event with a key until it is acknowledged.</summary>
    public Task<string> PostUntilAcknowledgedAsync(Api api, RevenueEvent e, string key) =>
        Eventually.GetAsync(() => PostAsync(api, e, key), TimeSpan.FromSeconds(60), $"acknowledgement of {key}");

    public async ValueTask DisposeAsync()
    {
        await _installation.DisposeAsync();
        _http.Dispose();
    }

    internal sealed record Api(ServiceProcess Process, string Url);
}
