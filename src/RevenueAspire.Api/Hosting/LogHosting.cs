using Microsoft.Extensions.Options;
using RevenueAspire.Api.Access;
using RevenueAspire.EventLog;
using RevenueAspire.Events;

namespace RevenueAspire.Api.Hosting;

/// <summary>The log, for as long as the API runs.</summary>
internal static partial class LogHosting
{
    public static WebApplicationBuilder AddEventLog(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<AccessControl>();
        // The container disposes it after the server has drained: what is queued is written and acknowledged first.
        builder.Services.AddSingleton(services => EventLogWriter.Open(
            services.GetRequiredService<IOptions<EventLogOptions>>().Value, services.GetRequiredService<TimeProvider>(), services.GetRequiredService<ILogger<EventLogWriter>>()));
        builder.Services.AddHostedService<LogRetentionService>();
        return builder;
    }

    /// <summary>Checks every setting, and then opens the log: a slip in the settings leaves no trace on disk.</summary>
    /// <exception cref="OptionsValidationException">A setting is wrong.</exception>
    /// <exception cref="EventLogException">The log cannot be opened.</exception>
    public static WebApplication OpenEventLog(this WebApplication app)
    {
        app.Services.GetRequiredService<IStartupValidator>().Validate();
        app.Services.GetRequiredService<AccessControl>();
        app.Services.GetRequiredService<EventTypes>();
        var log = app.Services.GetRequiredService<EventLogWriter>();
        LogOpened(app.Logger, app.Services.GetRequiredService<IOptions<EventLogOptions>>().Value.Directory, log.LogId.ToString("N"), log.DurableMark);
        return app;
    }

    [LoggerMessage(2000, LogLevel.Information, "Log {Directory}: id {LogId}, durable mark {DurableMark}.")]
    private static partial void LogOpened(ILogger logger, string directory, string logId, long durableMark);
}
