using System.ComponentModel.DataAnnotations;

namespace RevenueAspire.Client.Credentials;

/// <summary>Selects the credential and validates its settings.</summary>
internal static class CredentialSettings
{
    /// <summary>Creates the credential of a command or of the service.</summary>
    /// <param name="options">Validated settings. If they contain no credential, the secret is <see cref="ClientOptions.DevelopmentSecret"/>.</param>
    /// <param name="secret">From the command line; replaces all credential settings.</param>
    /// <param name="tokenFile">From the command line; replaces all credential settings.</param>
    /// <param name="time">The clock.</param>
    public static Credential Create(ClientOptions options, string? secret, string? tokenFile, TimeProvider time) =>
        (secret, tokenFile) is (null, null)
            ? options.TokenFile is { } file ? new TokenFile(file, time)
                : options.Authority is { } authority ? new ClientCredentials(authority, new TokenServer(options).FetchAsync, time)
                : new SharedSecret(options.Secret ?? ClientOptions.DevelopmentSecret)
            : tokenFile is not null ? new TokenFile(tokenFile, time) : new SharedSecret(secret!);

    /// <summary>Whether the settings contain a token file or a token server.</summary>
    public static bool HaveToken(ClientOptions options) => options.TokenFile is not null || options.Authority is not null;

    /// <summary>Returns one problem per invalid or contradictory setting.</summary>
    public static IEnumerable<ValidationResult> FindProblems(ClientOptions options)
    {
        var kinds = FindKinds(options).ToArray();
        if (kinds.Length > 1)
        {
            yield return Problem(kinds[1], $"contradicts Client:{kinds[0]}. Set one of Client:Secret, Client:TokenFile and Client:Authority.");
        }

        if (options.Secret is { } secret && ClientOptions.FindSecretProblem(secret) is { } wrong)
        {
            yield return Problem(nameof(options.Secret), wrong);
        }

        if (options.TokenFile is { } path && TokenFile.FindProblem(path) is { } problem)
        {
            yield return Problem(nameof(options.TokenFile), problem + ".");
        }

        if (options.Authority is { } authority && !IsAuthority(authority))
        {
            yield return Problem(
                nameof(options.Authority), "must be an address like https://login.example.com, without user, password or query; http only for this machine.");
        }

        foreach (var (name, value, isRequired) in Dependent(options))
        {
            if (options.Authority is null ? value is not null : isRequired && value is null)
            {
                yield return Problem(name, options.Authority is null ? "is set, but Client:Authority is not." : "is not set, but Client:Authority is.");
            }
            else if (value is not null && (value.Trim().Length == 0 || value.Any(char.IsControl)))
            {
                yield return Problem(name, "must not be empty or contain control characters.");
            }
        }
    }

    /// <summary>Whether a secret may be sent to an address: only over https or to this machine.</summary>
    public static bool IsSafe(string address) =>
        Uri.TryCreate(address, UriKind.Absolute, out var uri) && (uri.Scheme == Uri.UriSchemeHttps || (uri.Scheme == Uri.UriSchemeHttp && uri.IsLoopback));

    private static bool IsAuthority(string address) =>
        IsSafe(address) && !address.Contains('@') && new Uri(address) is { Query.Length: 0, Fragment.Length: 0 };

    private static IEnumerable<string> FindKinds(ClientOptions options) =>
        from setting in ((string Name, string? Value)[])
            [(nameof(options.Secret), options.Secret), (nameof(options.TokenFile), options.TokenFile), (nameof(options.Authority), options.Authority)]
        where setting.Value is not null
        select setting.Name;

    private static (string Name, string? Value, bool IsRequired)[] Dependent(ClientOptions options) =>
    [
        (nameof(options.ClientId), options.ClientId, true),
        (nameof(options.ClientSecret), options.ClientSecret, true),
        (nameof(options.Scope), options.Scope, false),
    ];

    private static ValidationResult Problem(string member, string text) => new(text, [member]);
}
