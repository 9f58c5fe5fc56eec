using RevenueAspire.CommandLine;

namespace RevenueAspire.Client;

/// <summary>Binds and checks <see cref="ClientOptions"/>.</summary>
internal static class ClientOptionsSetup
{
    /// <summary>Registers the options; a bad setting ends the start with a message that names it.</summary>
    public static void AddClientOptions(this IServiceCollection services)
    {
        services.AddAnnotatedOptions<ClientOptions>(ClientOptions.Section);
    }

    /// <summary>The service's secret: <c>secret</c> in Development, to be set elsewhere.</summary>
    public static void AddServiceSecret(this IServiceCollection services, IHostEnvironment environment)
    {
        services.PostConfigure<ClientOptions>(options => options.Secret ??= environment.IsDevelopment() ? ClientOptions.DevelopmentSecret : null);
        services.AddOptions<ClientOptions>().Validate(
            options => options.Secret is not null, "Client:Secret is not set. Set it to one of the API's Ingest:Secrets.");
    }
}
