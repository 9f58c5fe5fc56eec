using RevenueAspire.Testing;
using RevenueAspire.Torture.Checks;
using RevenueAspire.Torture.Stage;

namespace RevenueAspire.Torture.Soak;

/// <summary>
/// The processes of a soak run: a database server, one API process (two for the log in Postgres), two processors. There are no proxies. Limits are those
/// of production, except limits that an hour would not reach.
/// </summary>
internal sealed class SoakStage : IAsyncDisposable
{
    public const long RetainBytes = 256L << 20;
    public const long SegmentBytes = 16L << 20;
    private const int KeyWindow = 100_000;
    private const int ProcessorCount = 2;
    private readonly Installation _installation;
    private readonly string[] _apiUrls;

    private SoakStage(string folder, LogEngine engine, Violations violations)
    {
        (Folder, Engine, Violations) = (folder, engine, violations);
        Outputs = new Outputs(Directory.CreateDirectory(Path.Combine(folder, "logs")).FullName, violations);
        Postgres = new PostgresHost(Path.Combine(folder, "postgres"), FreePort.Next(), Path.Combine(Outputs.Folder, "postgres.log"));
        _installation = new Installation(Postgres.ForServices(Postgres.Port), Directory.CreateDirectory(Path.Combine(folder, "data")).FullName);
        if (engine == LogEngine.Postgres)
        {
            _installation.Settings["EventLog__Engine"] = "Postgres";
        }

        _apiUrls = engine == LogEngine.Files ? [_installation.ApiUrl] : [_installation.ApiUrl, $"http://127.0.0.1:{FreePort.Next()}"];
        Apis = [.. _apiUrls.Select((url, i) =>
            new Service(i == 0 ? "api" : $"api-{i + 1}", () => _installation.Start("RevenueAspire.Api", ApiSettings(url)), Outputs, violations))];
        Processors = [.. Enumerable.Range(1, ProcessorCount)
            .Select(i => new Service($"processor-{i}", () => _installation.Start("RevenueAspire.Processor"), Outputs, violations))];
    }

    public string Folder { get; }

    public LogEngine Engine { get; }

    public Violations Violations { get; }

    public Outputs Outputs { get; }

    public PostgresHost Postgres { get; }

    public IReadOnlyList<Service> Apis { get; }

    public IReadOnlyList<Service> Processors { get; }

    /// <summary>Folder of the log in files; null for the log in Postgres.</summary>
    public string? Log => Engine == LogEngine.Files ? _installation.File("events") : null;

    public static async Task<SoakStage> StartAsync(string folder, LogEngine engine, Violations violations)
    {
        var stage = new SoakStage(folder, engine, violations);
        try
        {
            await stage.Postgres.EnsureRunningAsync();
            await Task.WhenAll(stage.Apis.Concat(stage.Processors).Select(service => service.StartAsync()));
            using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
            foreach (var url in stage._apiUrls)
            {
                await Eventually.IsTrueAsync(async () =>
                {
                    using var answer = await http.GetAsync(new Uri(url + "/health"));
                    return answer.IsSuccessStatusCode;
                });
            }

            return stage;
        }
        catch
        {
            await stage.DisposeAsync();
            throw;
        }
    }

    /// <summary>HTTP to a process of the API, with the secret.</summary>
    public HttpClient CreateHttp(TimeSpan timeout, int replica = 0) =>
        new() { BaseAddress = new Uri(_apiUrls[replica]), DefaultRequestHeaders = { { "Authorization", Installation.Secret } }, Timeout = timeout };

    /// <summary>Starts a command of the client or the processor; client commands use the given process of the API.</summary>
    public ServiceProcess StartCommand(string project, int replica, params string[] arguments) =>
        _installation.Start(project, new Dictionary<string, string?> { ["Client__Url"] = _apiUrls[replica % _apiUrls.Length] }, arguments);

    /// <summary>Reports services that ended unexpectedly.</summary>
    public async Task WatchAsync()
    {
        foreach (var service in Apis.Concat(Processors))
        {
            await service.WatchAsync();
        }
    }

    /// <summary>Ends the services with SIGTERM, as a user would.</summary>
    public Task StopServicesAsync() => Task.WhenAll(Apis.Concat(Processors).Select(service => service.StopAsync()));

    public async ValueTask DisposeAsync()
    {
        await _installation.DisposeAsync();
        await Postgres.DisposeAsync();
        foreach (var service in Apis.Concat(Processors))
        {
            service.Dispose();
        }
    }

    // Use a smaller key window and less retained data than in production. Otherwise memory and disk would grow for most of an hour without a leak.
    private Dictionary<string, string?> ApiSettings(string url)
    {
        var settings = new Dictionary<string, string?> { ["ASPNETCORE_URLS"] = url, ["EventLog__KeyWindow"] = Text(KeyWindow) };
        if (Engine == LogEngine.Files)
        {
            settings["EventLog__SegmentBytes"] = Text(SegmentBytes);
            settings["EventLog__Retention"] = "Applied";
            settings["EventLog__RetainBytes"] = Text(RetainBytes);
        }

        return settings;
    }

    private static string Text(long number) => number.ToString(null, null);
}
