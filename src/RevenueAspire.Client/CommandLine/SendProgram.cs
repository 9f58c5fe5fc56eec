using Microsoft.Extensions.Options;
using RevenueAspire.Client.Http;
using RevenueAspire.ServiceDefaults;

namespace RevenueAspire.Client.CommandLine;

/// <summary>The host of <c>send</c>: configuration, telemetry and HttpClient as the service has them; no web server, and the console is the command's own.</summary>
internal static class SendProgram
{
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(SendArguments arguments)
    {
        // Read by .NET when the first socket is made: answers are taken up on the thread that hears of them, instead of waking another one for each. Measured: a tenth to a fifth more
        // single events a second. Nothing in a send blocks such a thread for long: files are written elsewhere. The service shares its process with a web server, and stays as it is.
        Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1");
        using var signals = new StopSignals();
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { ContentRootPath = AppContext.BaseDirectory });
        builder.AddServiceDefaults();
        builder.Logging.SetMinimumLevel(LogLevel.Error);
        builder.Services.AddClientOptions();
        builder.Services.AddApiHttpClient(services => arguments.Concurrency ?? services.GetRequiredService<IOptions<ClientOptions>>().Value.Concurrency);
        // The host's own answer to Ctrl+C would end the process before progress is saved.
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        using var host = builder.Build();
        await host.StartAsync(CancellationToken.None);
        try
        {
            var command = new SendCommand(
                arguments,
                host.Services.GetRequiredService<IOptions<ClientOptions>>().Value,
                host.Services.GetRequiredService<IHttpMessageHandlerFactory>().CreateApiInvoker(),
                Path.Combine(DataDirectory.Resolve(builder.Configuration), "client"),
                Terminal.Console,
                TimeProvider.System);
            return await command.RunAsync(signals.Token);
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
