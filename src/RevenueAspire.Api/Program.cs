using RevenueAspire.Api.Access;
using RevenueAspire.Api.Configuration;
using RevenueAspire.Api.Errors;
using RevenueAspire.Api.Health;
using RevenueAspire.Api.History;
using RevenueAspire.Api.Hosting;
using RevenueAspire.Api.Ingest;
using RevenueAspire.Api.Live;
using RevenueAspire.Api.Reads;
using RevenueAspire.Api.Requests;
using RevenueAspire.CommandLine;
using RevenueAspire.ServiceDefaults;

namespace RevenueAspire.Api;

/// <summary>The API's wiring.</summary>
public static class Program
{
    /// <summary>Runs until SIGTERM, SIGHUP or Ctrl+C. Then it answers the requests in flight, and closes the log.</summary>
    /// <param name="args">Settings, as <c>--Section:Key=value</c>.</param>
    /// <returns>0: stopped on request. 1: could not start, failed, or could not write the help. 2: wrong usage.</returns>
    public static Task<int> Main(string[] args) => StartupErrors.RunAsync(
        async () =>
        {
            if (ApiCommandLine.TryExit(args, Console.Out, Console.Error) is { } code)
            {
                return GuardedConsole.ExitCode(code);
            }

            ProcessLimits.RequireDescriptors();
            using var fileSizeLimit = ProcessLimits.IgnoreFileSize();
            await using var app = Build(args, builder => builder.UseSocketThreads());
            await app.RunAsync();
            return 0;
        },
        StartupFailure.Describe);

    /// <summary>Builds the API and opens its log. It does not listen yet.</summary>
    /// <param name="args">Settings, as <c>--Section:Key=value</c>.</param>
    /// <param name="configure">Changes the wiring before the API is built.</param>
    public static WebApplication Build(string[] args, Action<WebApplicationBuilder>? configure = null)
    {
        var builder = WebApplication.CreateBuilder(
            new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory, ApplicationName = typeof(Program).Assembly.GetName().Name });
        builder.AddServiceDefaults();
        builder.AddOneLineOutput();
        builder.AddHangupStop();
        builder.AddRevenueDatabase();
        builder.AddSettings();
        builder.AddWebServer();
        builder.AddAllowedHosts();
        builder.AddCertificates();
        builder.AddKnownProxies();
        builder.AddAccess();
        builder.AddEventLog();
        builder.AddIngest();
        builder.AddReads();
        builder.AddHistory();
        builder.AddLive();
        builder.AddHealth();
        configure?.Invoke(builder);

        var app = builder.Build();
        app.OpenEventLog();
        app.UseAllowedHosts();
        app.UseSingleEventShortcut();
        app.UseThreadPool();
        app.UseForwardedHeaders();
        app.UseOriginPaths();
        app.UseErrorResponses();
        app.UseAccess();
        app.UsePageFiles();
        app.MapIngest();
        app.MapReads();
        app.MapHistory();
        app.MapLive();
        app.MapContract();
        app.MapDefaultEndpoints(HealthSetup.ShowsDetails);
        return app;
    }
}
