using System.Globalization;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;

namespace RevenueAspire.Api.Access;

/// <summary>ASP.NET Core's own section for tokens, <c>Authentication:Schemes:Bearer</c>, read once at start. Tokens are accepted if it has content.</summary>
internal static class TokenSettings
{
    public const string Section = "Authentication:Schemes:Bearer";

    /// <summary>Minimum key length of HMAC-SHA256.</summary>
    private const int MinKeyBytes = 32;

    private static readonly TimeSpan MinTime = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxTime = TimeSpan.FromDays(1);

    private static readonly string[] PublicKeyAlgorithms =
    [
        SecurityAlgorithms.RsaSha256, SecurityAlgorithms.RsaSha384, SecurityAlgorithms.RsaSha512,
        SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.RsaSsaPssSha384, SecurityAlgorithms.RsaSsaPssSha512,
        SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.EcdsaSha384, SecurityAlgorithms.EcdsaSha512,
    ];

    private static readonly string[] SharedKeyAlgorithms = [SecurityAlgorithms.HmacSha256, SecurityAlgorithms.HmacSha384, SecurityAlgorithms.HmacSha512];

    /// <summary>Whether tokens are accepted. In Development, this also requires a key or an identity server: the repository's settings contain the issuer and
    /// the audience of <c>dotnet user-jwts</c>, but not its key.</summary>
    public static bool AreConfigured(IConfiguration configuration, IHostEnvironment environment)
    {
        var section = configuration.GetSection(Section);
        return section.GetChildren().Any() && (!environment.IsDevelopment() || HasKeys(section) || FindAddress(section).Name is not null);
    }

    public static bool HaveServer(IConfiguration configuration) => FindAddress(configuration.GetSection(Section)).Name is not null;

    /// <summary>Adds the scheme <c>Bearer</c>.</summary>
    /// <exception cref="OptionsValidationException">A setting is wrong or missing; each message names it.</exception>
    public static void AddTokens(this WebApplicationBuilder builder)
    {
        var section = builder.Configuration.GetSection(Section);
        string[] errors = [.. FindErrors(section, builder.Environment)];
        if (errors.Length > 0)
        {
            throw new OptionsValidationException(Section, typeof(JwtBearerOptions), errors);
        }

        var services = builder.Services;
        services.AddWebEncoders().AddTransient<TokenEvents>();
        services.AddSingleton<IAuthenticationConfigurationProvider, SchemeSections>();

        // The section may override these defaults.
        services.Configure<JwtBearerOptions>(JwtBearerDefaults.AuthenticationScheme, options =>
        {
            options.RefreshInterval = IdentityServer.DefaultInterval;
            options.RequireHttpsMetadata = !MayUseHttp(section, builder.Environment);
        });
        new AuthenticationBuilder(services).AddJwtBearer();
        services.PostConfigure<JwtBearerOptions>(JwtBearerDefaults.AuthenticationScheme, options =>
        {
            options.EventsType = typeof(TokenEvents);
            options.MapInboundClaims = false;
            options.SaveToken = false;
            var parameters = options.TokenValidationParameters;
            parameters.ClockSkew = TokenEvents.ClockSkew;

            // An authority's public keys are not secret, so none may be used as a shared (HMAC) key.
            parameters.ValidAlgorithms = HasKeys(section) ? [.. PublicKeyAlgorithms, .. SharedKeyAlgorithms] : PublicKeyAlgorithms;

            // Read the keys once: the section binds a lazy sequence, which the library would evaluate for each token.
            parameters.IssuerSigningKeys = parameters.IssuerSigningKeys?.ToArray();
        });

        // Creates the options at start, not at the first request.
        services.AddOptions<JwtBearerOptions>(JwtBearerDefaults.AuthenticationScheme).ValidateOnStart();
        if (HaveServer(builder.Configuration))
        {
            services.AddSingleton<IdentityServer>().AddHostedService(provider => provider.GetRequiredService<IdentityServer>());
            services.AddOptions<JwtBearerOptions>(JwtBearerDefaults.AuthenticationScheme).PostConfigure<IdentityServer>((options, identity) =>
            {
                identity.Use(options);
                options.ConfigurationManager = identity;
            });
        }
    }

    /// <summary>The errors in the settings. Each names the setting, and none shows a key.</summary>
    private static IEnumerable<string> FindErrors(IConfigurationSection section, IHostEnvironment environment)
    {
        var (name, address) = FindAddress(section);
        var issuers = ReadList(section, "ValidIssuer");
        var isUrl = Uri.TryCreate(address, UriKind.Absolute, out var url) && url.Scheme is "http" or "https";
        var isHttp = isUrl && url!.Scheme == "http" && !MayUseHttp(section, environment);
        var requiresHttps = section["RequireHttpsMetadata"];
        List<(bool IsWrong, string Text)> checks =
        [
            (name is not null && !isUrl, $"{Section}:{name} must be a URL, such as https://login.example.com."),
            (isHttp, $"{Section}:{name} must begin with https: an attacker could replace keys that are read over http. "
                + "Use http only in Development or for a server on this machine."),
            (!isHttp && bool.TryParse(requiresHttps, out var isRequired) && !isRequired && !MayUseHttp(section, environment),
                $"{Section}:RequireHttpsMetadata must be true or absent: otherwise the authority's metadata could point to keys over http. "
                + "Use false only in Development or for a server on this machine."),
            (requiresHttps is not null && !bool.TryParse(requiresHttps, out _), $"{Section}:RequireHttpsMetadata must be true or false."),
            (name is null && !HasKeys(section), $"{Section} has neither Authority nor SigningKeys, so no token would be valid."),
            (name is null && issuers.Count == 0, $"{Section}:ValidIssuer is not set. Set it to the issuer of the tokens."),
            (ReadList(section, "ValidAudience").Count == 0, $"{Section}:ValidAudience is not set. Set it to the audience of this API's tokens. "
                + "Without it, the API would accept tokens that the same issuer made for another service."),
            .. ((string[])["ValidateIssuer", "ValidateAudience"]).Select(setting => (
                section[setting] is { } value && !(bool.TryParse(value, out var validates) && validates),
                $"{Section}:{setting} must be true or absent. Otherwise the API would accept tokens made for other services.")),
            .. ((string[])["IncludeErrorDetails", "MapInboundClaims", "RefreshOnIssuerKeyNotFound", "SaveToken"]).Select(setting => (
                section[setting] is not null, $"{Section}:{setting} has no effect. Remove it.")),
            .. ((string[])["BackchannelTimeout", "RefreshInterval"]).Select(setting => (
                section[setting] is { } value
                    && !(TimeSpan.TryParse(value, CultureInfo.InvariantCulture, out var time) && time >= MinTime && time <= MaxTime),
                $"{Section}:{setting} must be a time such as 00:00:05, from one second to one day.")),
        ];
        HashSet<string> withKey = [];
        foreach (var key in section.GetSection("SigningKeys").GetChildren())
        {
            var (value, issuer) = (key["Value"] ?? "", key["Issuer"] ?? "");
            checks.Add((!Convert.TryFromBase64String(value, new byte[value.Length], out var length) || length < MinKeyBytes,
                $"{key.Path}:Value must be a shared key of at least {MinKeyBytes} bytes in Base64."));
            checks.Add((!issuers.Contains(issuer), $"{key.Path}:Issuer must be one of {Section}:ValidIssuers."));
            checks.Add((!withKey.Add(issuer), $"{key.Path}:Issuer has a key already. Configure one key per issuer."));
        }

        return checks.Where(check => check.IsWrong).Select(check => check.Text);
    }

    /// <summary>The setting with the identity server's address. Like the library, it prefers MetadataAddress.</summary>
    private static (string? Name, string? Value) FindAddress(IConfigurationSection section) =>
        section["MetadataAddress"] is { Length: > 0 } metadata ? ("MetadataAddress", metadata)
        : section["Authority"] is { Length: > 0 } authority ? ("Authority", authority)
        : default;

    private static bool MayUseHttp(IConfigurationSection section, IHostEnvironment environment) =>
        !(bool.TryParse(section["RequireHttpsMetadata"], out var requiresHttps) && requiresHttps)
        && (environment.IsDevelopment() || (Uri.TryCreate(FindAddress(section).Value, UriKind.Absolute, out var url) && url.IsLoopback));

    private static bool HasKeys(IConfigurationSection section) => section.GetSection("SigningKeys").GetChildren().Any();

    /// <summary>The values of a setting with a singular and a plural form.</summary>
    private static List<string> ReadList(IConfigurationSection section, string name) =>
        [.. section.GetSection(name + "s").GetChildren().Select(entry => entry.Value).Append(section[name]).OfType<string>().Where(value => value.Length > 0)];

    /// <summary>Provides the section to the library. AddAuthentication would do the same, but also register data protection, which writes to the home
    /// directory.</summary>
    private sealed class SchemeSections(IConfiguration configuration) : IAuthenticationConfigurationProvider
    {
        public IConfiguration AuthenticationConfiguration { get; } = configuration.GetSection("Authentication");
    }
}
