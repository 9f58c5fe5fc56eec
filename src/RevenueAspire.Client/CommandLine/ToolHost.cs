using Microsoft.Extensions.Options;
using Microsoft.Extensions.ServiceDiscovery;
using RevenueAspire.Client.Http;
using RevenueAspire.CommandLine;
using RevenueAspire.ServiceDefaults;

namespace RevenueAspire.Client.CommandLine;

/// <summary>The host of <c>send</c> and <c>load</c>: configuration, telemetry and HttpClient as in the service, but no web server. Only errors are logged,
/// because the command writes to the console.</summary>
internal static class ToolHost
{
    internal const string InlineCompletions = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    /// <returns>The exit code.</returns>
    public static Task<int> SendAsync(SendArguments arguments) => RunAsync(
        arguments.Concurrency,
        arguments.Url,
        (services, options, api, stop) =>
        {
            var journals = Path.Combine(DataDirectory.Resolve(services.GetRequiredService<IConfiguration>()), "client");
            return new SendCommand(arguments, options, api, journals, Terminal.Console, TimeProvider.System).RunAsync(stop);
        });

    /// <returns>The exit code.</returns>
    public static Task<int> LoadAsync(LoadArguments arguments) => RunAsync(
        arguments.Concurrency,
        arguments.Url,
        (_, options, api, stop) => new LoadCommand(arguments, options, api, Terminal.Console, TimeProvider.System).RunAsync(stop));

    private static async Task<int> RunAsync(
        int? concurrency, string? url, Func<IServiceProvider, ClientOptions, ApiTarget, CancellationToken, Task<int>> command)
    {
        // .NET reads this variable when the first socket is created. Each answer is then processed on the thread that receives it, without waking another
        // thread. Measured: 10 to 20 % more single events per second. A command never blocks this thread for long, because it writes files on other threads.
        // The service shares its process with a web server, so it keeps the default.
        SetUnlessGiven(InlineCompletions, "1");
        var proxy = EnvironmentProxy.Install();
        using var signals = new StopSignals();
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { ContentRootPath = AppContext.BaseDirectory });
        builder.AddServiceDefaults();
        builder.AddOneLineOutput();
        builder.Logging.SetMinimumLevel(LogLevel.Error);
        builder.Services.AddClientOptions();
        builder.Services.AddApiHttpClient(services => concurrency ?? services.GetRequiredService<IOptions<ClientOptions>>().Value.Concurrency, proxy);
        // The default lifetime would end the process on Ctrl+C before progress is saved.
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        using var host = builder.Build();
        await host.StartAsync(CancellationToken.None);
        try
        {
            var services = host.Services;
            var options = services.GetRequiredService<IOptions<ClientOptions>>().Value;
            var address = await ApiAddress.ResolveAsync(
                services.GetRequiredService<ServiceEndpointResolver>(), new Uri(url ?? options.Url), CancellationToken.None);
            var api = new ApiTarget(services.GetRequiredService<IHttpMessageHandlerFactory>().CreateApiInvoker(), address);
            return await command(services, options, api, signals.Token);
        }
        finally
        {
            await host.StopAsync(CancellationToken.None);
        }
    }

    /// <summary>Sets an environment variable of this process unless the user has set it.</summary>
    internal static void SetUnlessGiven(string name, string value) =>
        Environment.SetEnvironmentVariable(name, Environment.GetEnvironmentVariable(name) ?? value);

    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}

/// <summary>The destination of a command.</summary>
/// <param name="Http">The connections.</param>
/// <param name="Url">The API's address, after service discovery.</param>
internal sealed record ApiTarget(HttpMessageInvoker Http, Uri Url);
