using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;
using Microsoft.Extensions.DependencyInjection;
using RevenueAspire.Testing;

namespace RevenueAspire.AppHost.Tests;

/// <summary>The running Aspire model with separate ports and data. It uses a local Postgres, so it needs no container engine.</summary>
internal sealed class RunningModel : IAsyncDisposable
{
    public static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(2);

    private readonly IDistributedApplicationTestingBuilder _builder;
    private readonly TempDirectory _folder;
    private readonly CancellationTokenSource _watching = new();
    private Task _watcher = Task.CompletedTask;

    // Set variables as a shell may do for another server. They must not affect the AppHost's Postgres or the services. Set them only once, because an AppHost
    // clears them only at its start. Set again, they would reach the connections of another test's AppHost in this process.
    static RunningModel()
    {
        Environment.SetEnvironmentVariable("PGOPTIONS", "-c default_transaction_read_only=on -c search_path=missing");
        Environment.SetEnvironmentVariable("PGCLIENTENCODING", "LATIN1");
        Environment.SetEnvironmentVariable("PGTZ", "Nowhere/Nothing");
    }

    private RunningModel(IDistributedApplicationTestingBuilder builder, DistributedApplication app, TempDirectory folder) =>
        (_builder, App, _folder) = (builder, app, folder);

    public DistributedApplication App { get; }

    public HttpClient Api => field ??= App.CreateHttpClient("api");

    public HttpClient Client => field ??= App.CreateHttpClient("client");

    /// <summary>All lines of the resources' logs.</summary>
    public ConcurrentQueue<string> Lines { get; } = [];

    /// <summary>Warnings and errors that the resources have logged.</summary>
    public ConcurrentQueue<string> Complaints { get; } = [];

    /// <summary>Builds the model and starts it, but does not wait for its resources.</summary>
    public static async Task<RunningModel> StartAsync(int? apiPort = null, params string[] arguments)
    {
        var folder = new TempDirectory();
        if (!OperatingSystem.IsWindows())
        {
            // Postgres' own user must have access to the data.
            File.SetUnixFileMode(folder.Path, File.GetUnixFileMode(folder.Path) | UnixFileMode.OtherExecute);
        }

        var builder = await DistributedApplicationTestingBuilder.CreateAsync<Projects.RevenueAspire_AppHost>(
            [
                "--Postgres:Mode=local",
                $"--Data:Directory={folder.File("data")}",
                string.Create(CultureInfo.InvariantCulture, $"--Ports:Api={apiPort ?? FreePort.Next()}"),
                string.Create(CultureInfo.InvariantCulture, $"--Ports:Client={FreePort.Next()}"),
                .. arguments,
            ]);
        var model = new RunningModel(builder, await builder.BuildAsync(), folder);
        // If a server does not start, the services wait forever. With this setting, the test fails instead of hanging.
        await model.App.StartAsync().WaitAsync(StartLimit);
        model._watcher = model.WatchAsync();
        return model;
    }

    public async Task WaitUntilUpAsync()
    {
        using var limit = new CancellationTokenSource(StartLimit);
        foreach (var resource in (string[])["api", "client", "processor"])
        {
            await App.ResourceNotifications.WaitForResourceHealthyAsync(resource, limit.Token);
        }
    }

    /// <summary>The revenue of a user; 0 while there is none.</summary>
    public async Task<long> RevenueAsync(string userId)
    {
        using var answer = await Api.GetAsync("/userEvents/" + userId);
        return answer.IsSuccessStatusCode ? (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("revenue").GetInt64() : 0;
    }

    public Task HasRevenueAsync(string userId, long revenue) => Eventually.EqualsAsync(revenue, () => RevenueAsync(userId), StartLimit);

    /// <summary>The names of a resource's replicas in the orchestrator.</summary>
    public async Task<string[]> ReplicasAsync(string resource, int count)
    {
        using var limit = new CancellationTokenSource(StartLimit);
        var names = new HashSet<string>();
        await foreach (var state in App.ResourceNotifications.WatchAsync(limit.Token))
        {
            // Ignore the service's own name, under which it has a state until its replicas exist.
            if (state.Resource.Name == resource && state.ResourceId != resource && names.Add(state.ResourceId) && names.Count == count)
            {
                break;
            }
        }

        return [.. names];
    }

    public async ValueTask DisposeAsync()
    {
        await _watching.CancelAsync();
        await _watcher;
        await App.DisposeAsync();
        await _builder.DisposeAsync();
        _watching.Dispose();
        _folder.Dispose();
    }

    /// <summary>Watches the log of each instance by its name in the orchestrator. A watch of a replicated service by its own name could not be
    /// stopped.</summary>
    private async Task WatchAsync()
    {
        var watchers = new Dictionary<string, Task>();
        try
        {
            await foreach (var state in App.ResourceNotifications.WatchAsync(_watching.Token))
            {
                if (!watchers.ContainsKey(state.ResourceId))
                {
                    // A log begins with the lines written before the watch.
                    watchers.Add(state.ResourceId, WatchAsync(state.ResourceId));
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The end of the test.
        }

        await Task.WhenAll(watchers.Values);
    }

    private async Task WatchAsync(string instance)
    {
        try
        {
            await foreach (var batch in App.Services.GetRequiredService<ResourceLoggerService>().WatchAsync(instance).WithCancellation(_watching.Token))
            {
                foreach (var line in batch)
                {
                    Lines.Enqueue($"{instance}: {line.Content}");
                    if (line.IsErrorMessage
                        || line.Content.Contains("Z fail ", StringComparison.Ordinal)
                        || line.Content.Contains("Z crit ", StringComparison.Ordinal))
                    {
                        Complaints.Enqueue($"{instance}: {line.Content}");
                    }
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The end of the test.
        }
    }
}
