using Microsoft.Extensions.Options;
using Microsoft.Extensions.ServiceDiscovery;
using RevenueAspire.Client.Http;
using RevenueAspire.CommandLine;
using RevenueAspire.ServiceDefaults;

namespace RevenueAspire.Client.CommandLine;

/// <summary>The host of <c>send</c> and <c>load</c>: configuration, telemetry and HttpClient as the service has them; no web server, and the console is the
/// command's own.</summary>
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
        // Read by .NET when the first socket is made: answers are taken up on the thread that hears of them, instead of waking another one for each. Measured:
        // a tenth to a fifth more single events a second. Nothing in a command blocks such a thread for long: files are written elsewhere. The service shares
        // its process with a web server, and stays as it is.
        SetUnlessGiven(InlineCompletions, "1");
        var proxy = EnvironmentProxy.Install();
        using var signals = new StopSignals();
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { ContentRootPath = AppContext.BaseDirectory });
        builder.AddServiceDefaults();
        builder.AddOneLineOutput();
        builder.Logging.SetMinimumLevel(LogLevel.Error);
        builder.Services.AddClientOptions();
        builder.Services.AddApiHttpClient(services => concurrency ?? services.GetRequiredService<IOptions<ClientOptions>>().Value.Concurrency, proxy);
        // The host's own answer to Ctrl+C would end the process before progress is saved.
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

    /// <summary>Sets a variable of this process, unless the user has set it.</summary>
    internal static void SetUnlessGiven(string name, string value) =>
        Environment.SetEnvironmentVariable(name, Environment.GetEnvironmentVariable(name) ?? value);

    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}

/// <summary>Where a command sends to.</summary>
/// <param name="Http">The connections.</param>
/// <param name="Url">The API's address, after service discovery.</param>
internal sealed record ApiTarget(HttpMessageInvoker Http, Uri Url);
