using Microsoft.Extensions.Options;
using RevenueAspire.Client.Http;
using RevenueAspire.CommandLine;
using RevenueAspire.ServiceDefaults;

namespace RevenueAspire.Client.CommandLine;

/// <summary>The host of <c>send</c> and <c>load</c>: configuration, telemetry and HttpClient as the service has them; no web server, and the console is the command's own.</summary>
internal static class ToolHost
{
    /// <returns>The exit code.</returns>
    public static Task<int> SendAsync(SendArguments arguments) => RunAsync(
        arguments.Concurrency,
        (services, options, http, stop) => new SendCommand(
            arguments, options, http, Path.Combine(DataDirectory.Resolve(services.GetRequiredService<IConfiguration>()), "client"), Terminal.Console, TimeProvider.System).RunAsync(stop));

    /// <returns>The exit code.</returns>
    public static Task<int> LoadAsync(LoadArguments arguments) => RunAsync(
        arguments.Concurrency,
        (_, options, http, stop) => new LoadCommand(arguments, options, http, Terminal.Console, TimeProvider.System).RunAsync(stop));

    private static async Task<int> RunAsync(int? concurrency, Func<IServiceProvider, ClientOptions, HttpMessageInvoker, CancellationToken, Task<int>> command)
    {
        // Read by .NET when the first socket is made: answers are taken up on the thread that hears of them, instead of waking another one for each. Measured: a tenth to a fifth more
        // single events a second. Nothing in a command blocks such a thread for long: files are written elsewhere. The service shares its process with a web server, and stays as it is.
        Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1");
        using var signals = new StopSignals();
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { ContentRootPath = AppContext.BaseDirectory });
        builder.AddServiceDefaults();
        builder.AddOneLineOutput();
        builder.Logging.SetMinimumLevel(LogLevel.Error);
        builder.Services.AddClientOptions();
        builder.Services.AddApiHttpClient(services => concurrency ?? services.GetRequiredService<IOptions<ClientOptions>>().Value.Concurrency);
        // The host's own answer to Ctrl+C would end the process before progress is saved.
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        using var host = builder.Build();
        await host.StartAsync(CancellationToken.None);
        try
        {
            var services = host.Services;
            return await command(services, services.GetRequiredService<IOptions<ClientOptions>>().Value, services.GetRequiredService<IHttpMessageHandlerFactory>().CreateApiInvoker(), signals.Token);
        }
        finally
        {
            await host.StopAsync(CancellationToken.None);
        }
    }

    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
