using System.ComponentModel.DataAnnotations;
using RevenueAspire.Client.Credentials;

namespace RevenueAspire.Client;

/// <summary>Settings of the client (section <c>Client</c>).</summary>
internal sealed class ClientOptions : IValidatableObject
{
    public const string Section = "Client";

    /// <summary>The secret that a development API accepts.</summary>
    public const string DevelopmentSecret = "secret";

    /// <summary>The scope that the API requires for sending.</summary>
    public const string SendScope = "events.write";

    /// <summary>The API's address: http or https, or a service discovery name (<c>https+http://api</c>).</summary>
    public string Url { get; set; } = "http://localhost:8000";

    /// <summary>Sent as the Authorization header. If neither a secret nor a token is set, the service uses <c>secret</c> in Development and refuses to start
    /// elsewhere; <c>send</c> uses <c>secret</c>.</summary>
    public string? Secret { get; set; }

    /// <summary>A file with a token, used instead of the secret. The client reads it again when it changes.</summary>
    public string? TokenFile { get; set; }

    /// <summary>The token server (OpenID Connect or RFC 8414 metadata) that issues tokens for <see cref="ClientId"/>. Its tokens replace the secret.</summary>
    public string? Authority { get; set; }

    /// <summary>This client's id at <see cref="Authority"/>.</summary>
    public string? ClientId { get; set; }

    /// <summary>This client's secret at <see cref="Authority"/>.</summary>
    public string? ClientSecret { get; set; }

    /// <summary>The scope to request; <see cref="SendScope"/> if not set.</summary>
    public string? Scope { get; set; }

    /// <summary>The file that <c>/generateEvents</c> sends. A relative path is resolved against the program's folder, then against the current
    /// directory.</summary>
    [Required(AllowEmptyStrings = false, ErrorMessage = "must name the file that /generateEvents sends.")]
    public string File { get; set; } = "events.jsonl";

    /// <summary>Whether the service sends the file once after its start. A journal records that the file was sent.</summary>
    public bool SendOnStart { get; set; }

    /// <summary>Maximum number of requests in flight.</summary>
    [Range(1, Sending.SendLimits.Concurrency, ErrorMessage = "must be from 1 to 1024.")]
    public int Concurrency { get; set; } = 64;

    /// <summary>Seconds to wait for an answer before the request is sent again.</summary>
    [Range(1, 3600, ErrorMessage = "must be from 1 to 3600.")]
    public int RequestTimeoutSeconds { get; set; } = 30;

    /// <summary>Seconds that the API may be unavailable, or ask to wait, before a run gives up. Waits after a 429 (rate limit) do not count.</summary>
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

    /// <summary>Returns the error in an address, or null. Never repeats a password.</summary>
    public static string? FindUrlProblem(string url) =>
        // Check for '@' first: the later message repeats the address, which may contain a password.
        url.Contains('@') ? "an address must not contain a user name or password (no @). Set the API's secret with --secret or Client:Secret." :
        Uri.TryCreate(url, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" or "https+http" or "http+https"
            && uri.Host.Length > 0 && uri.Query.Length == 0 && uri.Fragment.Length == 0
            ? null
            : $"'{url}' is not an address like http://localhost:8000.";

    /// <summary>Returns the error in a secret, or null. Never repeats the secret.</summary>
    public static string? FindSecretProblem(string secret) =>
        secret.Length > 0 && secret.Trim().Length == secret.Length && secret.All(c => c is >= ' ' and <= '~')
            ? null
            : "a secret must consist of one or more visible ASCII characters.";
}
