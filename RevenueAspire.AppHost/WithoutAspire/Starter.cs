using System.Diagnostics;
using RevenueAspire.AppHost.Output;
using RevenueAspire.AppHost.Ports;
using RevenueAspire.AppHost.Processes;

namespace RevenueAspire.AppHost;

/// <summary>Starts everything in order, waits, and stops it in the opposite order: who sends and counts first, then the API, drained, then Postgres.</summary>
internal sealed class Starter(StarterSettings settings, PrefixedConsole console, StopRequest stop) : IAsyncDisposable
{
    /// <summary>Three stages stay within the 20 s that are promised.</summary>
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(6);

    private readonly List<ServiceProcess> _running = [];
    private DataDirectoryLock? _lock;
    private StarterDatabase? _database;
    private ServiceProcess? _api;
    private volatile bool _stopping;

    /// <summary>Runs until a stop is asked for, or nothing runs any more.</summary>
    /// <returns>0 after a stop that was asked for, 1 when every service had ended by itself.</returns>
    /// <exception cref="StarterException">Not started; what had been started is stopped when this object is disposed.</exception>
    public async Task<int> RunAsync()
    {
        try
        {
            await StartAsync(stop.Orderly);
            var ended = Task.WhenAll(_running.Select(s => s.Ended).Append(_api!.Ended));
            await Task.WhenAny(ended, Task.Delay(Timeout.Infinite, stop.Orderly));
            return stop.Orderly.IsCancellationRequested ? 0 : 1;
        }
        catch (OperationCanceledException) when (stop.Orderly.IsCancellationRequested)
        {
            return 0;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _stopping = true;
        if (_database is not null)
        {
            console.Say("Stopping: client and processors, then the API, then Postgres. A second Ctrl+C kills what is left.");
        }

        await Task.WhenAll(_running.Select(s => s.StopAsync(StopPatience, stop.Immediate)));
        if (_api is not null)
        {
            await _api.StopAsync(StopPatience, stop.Immediate);
        }

        if (_database is not null)
        {
            await _database.StopAsync(stop.Immediate);
            await _database.DisposeAsync();
            console.Say("Everything has stopped.");
        }

        _running.ForEach(s => s.Dispose());
        _api?.Dispose();
        _lock?.Dispose();
    }

    private async Task StartAsync(CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        console.Say($"Data directory: {settings.DataDirectory}");
        _lock = DataDirectoryLock.Acquire(settings.DataDirectory);
        await RequirePortAsync(settings.ApiPort, "the API", "Ports:Api", cancellationToken);
        await RequirePortAsync(settings.ClientPort, "the client", "Ports:Client", cancellationToken);

        _database = await StarterDatabase.StartAsync(settings, console, cancellationToken);
        var services = new Services(settings, _database.ConnectionString);
        _ = SayWhenEndedAsync(_database);

        _api = ServiceProcess.Start(services.Api, console);
        await HealthWait.UntilHealthyAsync(_api, services.ApiUrl, cancellationToken);

        _running.AddRange(services.Processors.Select(p => ServiceProcess.Start(p, console)));
        var client = ServiceProcess.Start(services.Client, console);
        _running.Add(client);
        await HealthWait.UntilHealthyAsync(client, services.ClientUrl, cancellationToken);
        SayWhereEverythingIs(services, clock.Elapsed);
    }

    private static async Task RequirePortAsync(int port, string service, string setting, CancellationToken cancellationToken)
    {
        if (await PortCheck.ProblemAsync(port, service, setting, cancellationToken) is { } problem)
        {
            throw new StarterException(problem);
        }
    }

    private void SayWhereEverythingIs(Services services, TimeSpan took)
    {
        console.Say($"Everything is up, after {took.TotalSeconds:0.0} s.");
        console.Say($"  API       {services.ApiUrl}   (/health, /openapi/v1.json)");
        console.Say($"  Client    {services.ClientUrl}   (POST /generateEvents sends the file again)");
        console.Say($"  Revenue   curl {services.ApiUrl}/userEvents/user1");
        console.Say($"  Database  {_database!.Description}");
        console.Say($"  Data      {settings.DataDirectory}   (to start over: stop, delete this folder, start)");
        console.Say("Ctrl+C stops everything.");
    }

    private async Task SayWhenEndedAsync(StarterDatabase database)
    {
        await database.Ended;
        if (!_stopping)
        {
            console.Say("postgres has ended by itself. It is not restarted; the API goes on accepting events.");
        }
    }
}
