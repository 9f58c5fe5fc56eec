using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace RevenueAspire.CommandLine;

/// <summary>How a program of this project reports: one line per log entry, and one line with exit code 1 for what its user can correct.</summary>
public static class OneLineOutput
{
    /// <summary>Adds the console format, errors that name the address when the server cannot listen, and exit code 1 after a failed background service. Used
    /// inside <see cref="StartupErrors.RunAsync(Func{Task}, Func{Exception, string?})"/>.</summary>
    public static TBuilder AddOneLineOutput<TBuilder>(this TBuilder builder) where TBuilder : IHostApplicationBuilder
    {
        builder.AddLineConsole();
        builder.Services.AddListenErrors();
        builder.Services.AddHostedService<BackgroundFailures>();
        return builder;
    }
}
