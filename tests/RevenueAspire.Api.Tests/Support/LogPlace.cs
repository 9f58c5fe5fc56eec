using Microsoft.AspNetCore.Builder;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Tests.Support;

/// <summary>The location of a test's log: files or a database. Each API continues the log of the previous API.</summary>
internal sealed class LogPlace(LogEngine engine) : IDisposable
{
    private readonly TempDirectory _directory = new();
    private Task<string>? _database;

    public LogEngine Engine => engine;

    /// <summary>Connection string of the ledger's database. With the log in files, only APIs that start after the first call use this database.</summary>
    public Task<string> DatabaseAsync() => _database ??= TestPostgres.CreateDatabaseAsync();

    /// <summary>Starts an API and waits until it accepts events.</summary>
    public Task<ApiHost> StartAsync(params string[] settings) => StartAsync(null, settings);

    /// <inheritdoc cref="StartAsync(string[])"/>
    public async Task<ApiHost> StartAsync(Action<WebApplicationBuilder>? configure, params string[] settings)
    {
        if (engine == LogEngine.File)
        {
            return await ApiHost.StartAsync(_directory, _database is null ? null : await _database, configure, settings);
        }

        var api = await ApiHost.StartAsync(_directory, await DatabaseAsync(), configure, ["EventLog:Engine=Postgres", .. settings]);
        await Eventually.IsTrueAsync(() => api.Log.Status.State == WriterState.Running);
        return api;
    }

    /// <summary>Starts a process of the API. It may not accept events yet.</summary>
    public Task<ServiceProcess> StartProcessAsync(string url, params string[] settings) => StartProcessAsync(url, new Dictionary<string, string?>(), settings);

    /// <inheritdoc cref="StartProcessAsync(string, string[])"/>
    public async Task<ServiceProcess> StartProcessAsync(string url, IReadOnlyDictionary<string, string?> environment, params string[] settings) =>
        ServiceProcess.Start(
        "RevenueAspire.Api",
        [
            "--urls=" + url, "--Ingest:Secrets=s", .. settings, .. engine == LogEngine.File
                ? ["--EventLog:Directory=" + _directory.File("events")]
                : (string[])["--EventLog:Engine=Postgres", "--ConnectionStrings:revenuedb=" + await DatabaseAsync()],
        ],
        environment);

    public void Dispose() => _directory.Dispose();
}
