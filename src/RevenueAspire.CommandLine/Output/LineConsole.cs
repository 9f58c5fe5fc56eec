using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace RevenueAspire.CommandLine;

/// <summary>Formats console logs as single lines, and silences verbose libraries. The configuration can override both.</summary>
internal static class LineConsole
{
    /// <summary>Libraries that log each request, command or degraded answer. These lines would hide this project's own, which it logs per batch.</summary>
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
