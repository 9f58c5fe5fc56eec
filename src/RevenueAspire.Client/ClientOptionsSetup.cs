using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace RevenueAspire.Client;

/// <summary>Binds and checks <see cref="ClientOptions"/>.</summary>
internal static class ClientOptionsSetup
{
    /// <summary>Registers the options; a bad setting ends the start with a message that names it.</summary>
    public static void AddClientOptions(this IServiceCollection services)
    {
        services.AddOptions<ClientOptions>().BindConfiguration(ClientOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<ClientOptions>, Annotations>();
    }

    /// <summary>The service's secret: <c>secret</c> in Development, to be set elsewhere.</summary>
    public static void AddServiceSecret(this IServiceCollection services, IHostEnvironment environment)
    {
        services.PostConfigure<ClientOptions>(options => options.Secret ??= environment.IsDevelopment() ? ClientOptions.DevelopmentSecret : null);
        services.AddOptions<ClientOptions>().Validate(
            options => options.Secret is not null, "Client:Secret is not set. Set it to one of the API's Ingest:Secrets.");
    }

    /// <summary>The annotations' own messages, which name the setting, without the library's text around them.</summary>
    private sealed class Annotations : IValidateOptions<ClientOptions>
    {
        public ValidateOptionsResult Validate(string? name, ClientOptions options)
        {
            var problems = new List<ValidationResult>();
            return Validator.TryValidateObject(options, new ValidationContext(options), problems, validateAllProperties: true)
                ? ValidateOptionsResult.Success
                : ValidateOptionsResult.Fail(problems.Select(problem => problem.ErrorMessage!));
        }
    }
}
