using Microsoft.Extensions.Options;
using RevenueAspire.CommandLine;
using RevenueAspire.EventLog;
using RevenueAspire.ServiceDefaults;

namespace RevenueAspire.Api.Configuration;

/// <summary>Binds and validates every setting of the API.</summary>
internal static class ApiSettings
{
    private const string DefaultUrl = "http://localhost:8000";

    /// <summary>Registers the options, and a default address if none is set.</summary>
    public static void AddSettings(this WebApplicationBuilder builder)
    {
        var configuration = builder.Configuration;
        builder.Services.AddAnnotatedOptions<ApiOptions>(ApiOptions.Section);
        builder.Services.AddAnnotatedOptions<LimitsOptions>(LimitsOptions.Section);
        builder.Services.AddSingleton<IValidateOptions<LimitsOptions>, LimitNames>();
        builder.Services.AddAnnotatedOptions<EventLogOptions>("EventLog")
            .Configure(options => options.Directory = DataDirectory.ResolveEventLog(configuration));
        builder.Services.AddSingleton(_ => configuration.ReadEventTypes());
        if (!HasAddress(configuration))
        {
            builder.WebHost.UseUrls(DefaultUrl);
        }
    }

    private static bool HasAddress(ConfigurationManager configuration) =>
        configuration["urls"] is { Length: > 0 } || configuration["http_ports"] is { Length: > 0 } || configuration["https_ports"] is { Length: > 0 }
        || configuration.GetSection("Kestrel:Endpoints").GetChildren().Any();
}
