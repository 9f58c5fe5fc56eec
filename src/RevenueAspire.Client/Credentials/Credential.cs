using RevenueAspire.Client.Http;

namespace RevenueAspire.Client.Credentials;

/// <summary>Supplies the Authorization header. Thread-safe.</summary>
internal abstract class Credential
{
    /// <summary>The credential's name in messages, without its value: <c>secret</c>, <c>token of FILE</c>.</summary>
    public abstract string Name { get; }

    /// <summary>Whether this is a token. The API explains why it refuses a token, and answers 403 if a scope is missing.</summary>
    public abstract bool IsToken { get; }

    /// <summary>Returns the header's value. Completes synchronously unless a token must be fetched.</summary>
    /// <exception cref="CredentialException">There is no token.</exception>
    /// <exception cref="OperationCanceledException">Cancelled during a fetch.</exception>
    public abstract ValueTask<string> GetAsync(CancellationToken cancellationToken);

    /// <summary>Returns another value after the API refused one with 401.</summary>
    /// <param name="refused">The value from <see cref="GetAsync"/> that was refused.</param>
    /// <param name="cancellationToken">Stops waiting for a token.</param>
    /// <returns>Null if there is no other value.</returns>
    /// <exception cref="CredentialException">There is no token.</exception>
    /// <exception cref="OperationCanceledException">Cancelled during a fetch.</exception>
    public virtual ValueTask<string?> RenewAsync(string refused, CancellationToken cancellationToken) => new((string?)null);

    /// <summary>Formats the header's value for a token (RFC 6750).</summary>
    protected static string Bearer(string token) => "Bearer " + token;
}

/// <summary>A request was not sent because there is no token.</summary>
/// <param name="answer">Used in place of the API's answer.</param>
internal sealed class CredentialException(AttemptResult answer) : Exception(answer.Detail)
{
    /// <summary><see cref="AttemptOutcome.TryAgain"/> if the failure may be temporary, else <see cref="AttemptOutcome.Impossible"/>.</summary>
    public AttemptResult Answer { get; } = answer with { IsUnsent = true };
}
