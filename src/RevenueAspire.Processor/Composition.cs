using System.Diagnostics.Metrics;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using RevenueAspire.CommandLine;
using RevenueAspire.Events;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Processor.CommandLine;
using RevenueAspire.Processor.Following;
using RevenueAspire.ServiceDefaults;

namespace RevenueAspire.Processor;

/// <summary>Composes the program, as a service or for a command.</summary>
internal static class Composition
{
    private const string ApplicationName = "RevenueAspire.Processor";

    /// <summary>The settings file of the environment.</summary>
    private static string EnvironmentFile => $"appsettings.{Environment.GetEnvironmentVariable("DOTNET_ENVIRONMENT") ?? Environments.Production}.json";

    /// <summary>Builds the service that follows logs.</summary>
    public static IHost BuildService()
    {
        var builder = Host.CreateApplicationBuilder(
            new HostApplicationBuilderSettings { ContentRootPath = AppContext.BaseDirectory, ApplicationName = ApplicationName });
        builder.AddServiceDefaults();
        builder.AddOneLineOutput();
        builder.AddHangupStop();
        builder.AddProcessor();
        builder.Services.AddSingleton<FollowerService>();
        builder.Services.AddHostedService(services => services.GetRequiredService<FollowerService>());
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(10));
        return builder.Build();
    }

    /// <summary>Builds the services of a command: the same settings, with warnings on standard error and no log lines on standard output.</summary>
    /// <remarks>Uses no host. <c>process --dry-run</c> of 200 lines takes 68 ms, but 103 ms with an empty host and 128 ms with the service's host (10 runs
    /// each).</remarks>
    /// <exception cref="UserErrorException">A setting has the wrong type.</exception>
    /// <exception cref="OptionsValidationException">A setting has an invalid value.</exception>
    /// <param name="isPatient">Whether statements have no time limit: <c>verify</c> reads the whole table in one statement.</param>
    public static CommandServices BuildCommand(bool isPatient = false)
    {
        var (options, history, types) = ShippedSettings.AreInForce(AppContext.BaseDirectory, EnvironmentFile, Environment.GetEnvironmentVariables())
            ? (new ProcessorOptions(), new HistoryOptions(), EventTypes.Default)
            : ReadSettings(ReadConfiguration());
        return new CommandServices(options, history, types, () => ReadConfiguration().BuildRevenueDatabase(ApplicationName, isPatient));
    }

    private static (ProcessorOptions Options, HistoryOptions History, EventTypes Types) ReadSettings(IConfiguration configuration) =>
        (Read<ProcessorOptions>(configuration, ProcessorOptions.Section), Read<HistoryOptions>(configuration, HistoryOptions.Section),
            configuration.ReadEventTypes());

    private static TOptions Read<TOptions>(IConfiguration configuration, string name) where TOptions : class, new()
    {
        var options = new TOptions();
        var section = configuration.GetSection(name);

        // The defaults are valid, so binding and checking them would only cost time.
        if (section.Exists())
        {
            try
            {
                section.Bind(options);
            }
            catch (InvalidOperationException exception)
            {
                // The binder's message names the setting.
                throw new UserErrorException($"Settings of the processor: {exception.Message}", exception);
            }

            if (new AnnotatedOptions<TOptions>(name).Validate(null, options) is { Failed: true } result)
            {
                throw new OptionsValidationException(Options.DefaultName, typeof(TOptions), result.Failures);
            }
        }

        return options;
    }

    /// <summary>Finds the folder for copies of input and for sorted runs. Reads the settings, so call it only when needed.</summary>
    public static string SpoolDirectory() =>
        Path.Combine(DataDirectory.Resolve(ReadConfiguration()), "spool");

    private static IConfiguration ReadConfiguration() => new ConfigurationBuilder()
        .SetBasePath(AppContext.BaseDirectory)
        .AddJsonFile(ShippedSettings.FileName, optional: true, reloadOnChange: false)
        .AddJsonFile(EnvironmentFile, optional: true, reloadOnChange: false)
        .AddEnvironmentVariables()
        .Build();

    private static void AddProcessor(this HostApplicationBuilder builder)
    {
        builder.AddRevenueDatabase();
        var (options, history, types) = ReadSettings(builder.Configuration);
        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton(history);
        builder.Services.AddSingleton(types);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(services => new ProcessorMetrics(services.GetRequiredService<IMeterFactory>().Create(ProcessorMetrics.MeterName)));
        builder.Services.AddSingleton(services => new DatabaseRetry(
            limit: null, TimeProvider.System, services.GetRequiredService<ILogger<DatabaseRetry>>(), services.GetRequiredService<NpgsqlDataSource>()));
        builder.Services.AddSingleton<ApplyServices>();
    }

    /// <summary>Returns the database, or throws an error for the user if it is not configured.</summary>
    public static NpgsqlDataSource Database(this IServiceProvider services)
    {
        try
        {
            return services.GetRequiredService<NpgsqlDataSource>();
        }
        catch (InvalidOperationException exception)
        {
            throw new UserErrorException(exception.Message, exception);
        }
    }
}
