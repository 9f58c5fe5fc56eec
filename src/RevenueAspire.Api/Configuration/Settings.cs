using Microsoft.Extensions.Options;
using RevenueAspire.CommandLine;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Configuration;

/// <summary>Binds and validates every setting of the API.</summary>
internal static class Settings
{
    private const string DefaultUrl = "http://localhost:8000";

    /// <summary>Registers the options, and the default address where the user has given none.</summary>
    public static WebApplicationBuilder AddSettings(this WebApplicationBuilder builder)
    {
        var configuration = builder.Configuration;
        builder.Services.AddOptions<ApiOptions>().BindConfiguration(ApiOptions.Section).ValidateOnStart();
        builder.Services.AddSingleton<IValidateOptions<ApiOptions>>(new AnnotationsValidator<ApiOptions>(ApiOptions.Section));
        builder.Services.AddOptions<EventLogOptions>().BindConfiguration("EventLog")
            .Configure(options => options.Directory = DataDirectory.ResolveEventLog(configuration)).ValidateOnStart();
        builder.Services.AddSingleton<IValidateOptions<EventLogOptions>>(new AnnotationsValidator<EventLogOptions>("EventLog"));
        builder.Services.AddSingleton(_ => EventTypesSetting.Read(configuration));
        if (!HasAddress(configuration))
        {
            builder.WebHost.UseUrls(DefaultUrl);
        }

        return builder;
    }

    private static bool HasAddress(ConfigurationManager configuration) =>
        configuration["urls"] is { Length: > 0 } || configuration["http_ports"] is { Length: > 0 } || configuration["https_ports"] is { Length: > 0 }
        || configuration.GetSection("Kestrel:Endpoints").GetChildren().Any();
}
