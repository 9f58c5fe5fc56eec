using Microsoft.Extensions.Options;
using RevenueAspire.Client.Credentials;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Client;

/// <summary>Binds and validates <see cref="ClientOptions"/>.</summary>
internal static class ClientOptionsSetup
{
    /// <summary>Registers the options. An invalid setting stops the start with a message that names it.</summary>
    public static void AddClientOptions(this IServiceCollection services)
    {
        services.AddAnnotatedOptions<ClientOptions>(ClientOptions.Section);
    }

    /// <summary>Registers the service's credential. It defaults to <c>secret</c> in Development and is required elsewhere.</summary>
    public static void AddServiceCredential(this IServiceCollection services, IHostEnvironment environment)
    {
        services.AddOptions<ClientOptions>().Validate(
            options => environment.IsDevelopment() || options.Secret is not null || CredentialSettings.HaveToken(options),
            "Client:Secret is not set. Set it to one of the API's Ingest:Secrets, or set Client:TokenFile or Client:Authority.");
        services.AddSingleton(provider => CredentialSettings.Create(
            provider.GetRequiredService<IOptions<ClientOptions>>().Value, secret: null, tokenFile: null, provider.GetRequiredService<TimeProvider>()));
    }
}
