using RevenueAspire.Client.Http;

namespace RevenueAspire.Client.Credentials;

/// <summary>Supplies the Authorization header. Thread-safe.</summary>
internal abstract class Credential
{
    /// <summary>Names the credential in messages, without its value: <c>secret</c>, <c>token of FILE</c>.</summary>
    public abstract string Name { get; }

    /// <summary>Whether this is a token: the API then gives the reason of a refusal, and answers 403 where a scope is missing.</summary>
    public abstract bool IsToken { get; }

    /// <summary>The header's value. Completes synchronously unless a token must be fetched.</summary>
    /// <exception cref="CredentialException">There is no token.</exception>
    /// <exception cref="OperationCanceledException">Cancelled while a token was fetched.</exception>
    public abstract ValueTask<string> GetAsync(CancellationToken cancellationToken);

    /// <summary>Another value in place of one that the API refused with 401.</summary>
    /// <param name="refused">The refused value of <see cref="GetAsync"/>.</param>
    /// <param name="cancellationToken">Ends the wait for a token.</param>
    /// <returns>Null if there is no other value.</returns>
    /// <exception cref="CredentialException">There is no token.</exception>
    /// <exception cref="OperationCanceledException">Cancelled while a token was fetched.</exception>
    public virtual ValueTask<string?> RenewAsync(string refused, CancellationToken cancellationToken) => new((string?)null);

    /// <summary>The header's value for a token (RFC 6750).</summary>
    protected static string Bearer(string token) => "Bearer " + token;
}

/// <summary>A request was not sent, because there is no token.</summary>
/// <param name="answer">Takes the place of the API's answer.</param>
internal sealed class CredentialException(AttemptResult answer) : Exception(answer.Detail)
{
    /// <summary><see cref="AttemptOutcome.TryAgain"/> if the failure may pass, else <see cref="AttemptOutcome.Impossible"/>.</summary>
    public AttemptResult Answer { get; } = answer with { IsUnsent = true };
}
