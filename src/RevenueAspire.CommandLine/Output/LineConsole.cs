using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace RevenueAspire.CommandLine;

/// <summary>Formats console logs as single lines and silences chatty libraries, unless the configuration differs.</summary>
internal static class LineConsole
{
    /// <summary>Libraries that log each request, command or degraded answer. That is too much next to this project's logs per batch.</summary>
    private static readonly (string Category, LogLevel From)[] Chatty =
    [
        ("Microsoft.AspNetCore", LogLevel.Warning),
        ("Microsoft.Extensions.Diagnostics.HealthChecks", LogLevel.Error),
        ("System.Net.Http.HttpClient", LogLevel.Warning),
        ("Npgsql", LogLevel.Warning),
    ];

    public static void AddLineConsole(this IHostApplicationBuilder builder)
    {
        foreach (var (category, from) in Chatty)
        {
            if (builder.Configuration["Logging:LogLevel:" + category] is null)
            {
                builder.Logging.AddFilter(category, from);
            }
        }

        if (builder.Configuration["Logging:Console:FormatterName"] is null or LineConsoleFormatter.FormatterName)
        {
            builder.Logging.AddConsoleFormatter<LineConsoleFormatter, ConsoleFormatterOptions>();
            builder.Logging.AddConsole(console => console.FormatterName = LineConsoleFormatter.FormatterName);
        }
    }
}
