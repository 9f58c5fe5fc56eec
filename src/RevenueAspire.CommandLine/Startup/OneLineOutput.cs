using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace RevenueAspire.CommandLine;

/// <summary>Configures the output of a program: one line per log entry, and one line with exit code 1 for an error that the user can correct.</summary>
public static class OneLineOutput
{
    /// <summary>Adds the console format, the address to listen errors, and exit code 1 after a failed background service. Call it inside <see
    /// cref="StartupErrors.RunAsync(Func{Task}, Func{Exception, string?})"/>.</summary>
    public static TBuilder AddOneLineOutput<TBuilder>(this TBuilder builder) where TBuilder : IHostApplicationBuilder
    {
        builder.AddLineConsole();
        builder.Services.AddListenErrors();
        builder.Services.AddHostedService<BackgroundFailures>();
        return builder;
    }
}
