using System.ComponentModel.DataAnnotations;
using RevenueAspire.Client.Credentials;

namespace RevenueAspire.Client;

/// <summary>Settings of the client (section <c>Client</c>).</summary>
internal sealed class ClientOptions : IValidatableObject
{
    public const string Section = "Client";

    /// <summary>The secret that a development API accepts.</summary>
    public const string DevelopmentSecret = "secret";

    /// <summary>The scope that the API wants for sending.</summary>
    public const string SendScope = "events.write";

    /// <summary>The API's address: http or https, or a name for service discovery (<c>https+http://api</c>).</summary>
    public string Url { get; set; } = "http://localhost:8000";

    /// <summary>Sent as the Authorization header. Without it and without a token the service takes <c>secret</c> in Development, and does not start elsewhere;
    /// <c>send</c> falls back to <c>secret</c>.</summary>
    public string? Secret { get; set; }

    /// <summary>A file with a token, in place of the secret. It is read again when it changes.</summary>
    public string? TokenFile { get; set; }

    /// <summary>The token server (OpenID Connect or RFC 8414 metadata) that issues tokens for <see cref="ClientId"/>, in place of the secret.</summary>
    public string? Authority { get; set; }

    /// <summary>This client's id at <see cref="Authority"/>.</summary>
    public string? ClientId { get; set; }

    /// <summary>This client's secret at <see cref="Authority"/>.</summary>
    public string? ClientSecret { get; set; }

    /// <summary>The scope that is asked for; <see cref="SendScope"/> if not set.</summary>
    public string? Scope { get; set; }

    /// <summary>The file that <c>/generateEvents</c> sends. A relative path counts from the program's folder, and from the current directory where there is no
    /// such file.</summary>
    [Required(AllowEmptyStrings = false, ErrorMessage = "must name the file that /generateEvents sends.")]
    public string File { get; set; } = "events.jsonl";

    /// <summary>Sends the file once after the start of the service. A journal remembers that it was sent.</summary>
    public bool SendOnStart { get; set; }

    /// <summary>Requests in flight at most.</summary>
    [Range(1, Sending.SendLimits.Concurrency, ErrorMessage = "must be from 1 to 1024.")]
    public int Concurrency { get; set; } = 64;

    /// <summary>Seconds after which a request without an answer is sent again.</summary>
    [Range(1, 3600, ErrorMessage = "must be from 1 to 3600.")]
    public int RequestTimeoutSeconds { get; set; } = 30;

    /// <summary>Seconds that the API may be away, or ask to wait, before a run gives up. Waits of a limited client (429) do not count.</summary>
    [Range(1, 86400, ErrorMessage = "must be from 1 to 86400.")]
    public int GiveUpAfterSeconds { get; set; } = 60;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (FindUrlProblem(Url) is { } url)
        {
            yield return new ValidationResult(url, [nameof(Url)]);
        }

        foreach (var problem in CredentialSettings.FindProblems(this))
        {
            yield return problem;
        }
    }

    /// <summary>What is wrong with an address, or null. Never repeats a password.</summary>
    public static string? FindUrlProblem(string url) =>
        // Before anything repeats it: it may hold a password.
        url.Contains('@') ? "an address holds no user name and password (nothing with @). The API's secret is given by --secret or Client:Secret." :
        Uri.TryCreate(url, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" or "https+http" or "http+https"
            && uri.Host.Length > 0 && uri.Query.Length == 0 && uri.Fragment.Length == 0
            ? null
            : $"'{url}' is not an address like http://localhost:8000.";

    /// <summary>What is wrong with a secret, or null. Never repeats it.</summary>
    public static string? FindSecretProblem(string secret) =>
        secret.Length > 0 && secret.Trim().Length == secret.Length && secret.All(c => c is >= ' ' and <= '~')
            ? null
            : "a secret is one or more visible ASCII characters.";
}
