using Microsoft.Extensions.Options;
using Npgsql;
using RevenueAspire.Api.Access;
using RevenueAspire.EventLog;
using RevenueAspire.EventLog.Postgres;
using RevenueAspire.EventLog.Storage;
using RevenueAspire.Events;
using RevenueAspire.ServiceDefaults;

namespace RevenueAspire.Api.Hosting;

/// <summary>Opens the log at start, and closes it when the API stops.</summary>
internal static class LogHosting
{
    public static void AddEventLog(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton(TimeProvider.System);
        // The container disposes the writer only after the server has finished its requests, so queued events are written and acknowledged first.
        if (LogEngines.Read(builder.Configuration) == LogEngine.Postgres)
        {
            builder.Services.AddSingleton(StartInPostgres);
        }
        else
        {
            builder.Services.AddSingleton(services => FileLogStore.Open(
                services.GetRequiredService<IOptions<EventLogOptions>>().Value, services.GetRequiredService<TimeProvider>(),
                services.GetRequiredService<ILoggerFactory>()));
            builder.Services.AddSingleton(services => services.GetRequiredService<FileLogStore>().StartWriter());
        }

        builder.Services.AddHostedService<LogRetentionService>();
    }

    private static EventLogWriter StartInPostgres(IServiceProvider services)
    {
        var setting = $"ConnectionStrings:{DatabaseExtensions.DatabaseName}";
        return string.IsNullOrWhiteSpace(services.GetRequiredService<IConfiguration>()[setting])
            ? throw new EventLogException($"{setting} is not set: with EventLog:Engine=Postgres that database holds the log.")
            : PostgresLogStore.StartWriter(
                services.GetRequiredService<NpgsqlDataSource>(), services.GetRequiredService<IOptions<EventLogOptions>>().Value,
                services.GetRequiredService<ILoggerFactory>());
    }

    /// <summary>Validates every setting before it opens the log, so a wrong setting leaves no trace on disk.</summary>
    /// <exception cref="OptionsValidationException">A setting is wrong.</exception>
    /// <exception cref="EventLogException">The log cannot be opened.</exception>
    public static void OpenEventLog(this WebApplication app)
    {
        app.Services.GetRequiredService<IStartupValidator>().Validate();
        app.Services.GetRequiredService<AccessControl>();
        app.Services.GetRequiredService<EventTypes>();
        app.Services.GetRequiredService<EventLogWriter>();
    }
}
