using Duende.IdentityModel.Client;
using RevenueAspire.Client.Http;

namespace RevenueAspire.Client.Credentials;

/// <summary>A fetched token, or the reason for its absence.</summary>
/// <param name="Token">The token.</param>
/// <param name="Lifetime">Counted from the request; null if the server does not state it.</param>
/// <param name="Failure">The reason, if there is no token.</param>
internal readonly record struct TokenAnswer(string? Token, TimeSpan? Lifetime = null, AttemptResult? Failure = null);

/// <summary>Fetches tokens with a client id and its secret (RFC 6749, section 4.4). Not thread-safe.</summary>
/// <remarks>No other class uses the library, so a run without client credentials does not load it.</remarks>
/// <param name="options">Authority, client id and client secret must be set.</param>
internal sealed class TokenServer(ClientOptions options)
{
    private static readonly TimeSpan MaxTimeout = TimeSpan.FromSeconds(10);

    private string? _endpoint;

    /// <summary>Shorter than the timeout of a request to the API. So the error after a timeout names the token server, not the API.</summary>
    private TimeSpan Timeout => TimeSpan.FromSeconds(Math.Min(MaxTimeout.TotalSeconds, options.RequestTimeoutSeconds / 2.0));

    /// <summary>Fetches a token. Never throws because of a server failure.</summary>
    public async Task<TokenAnswer> FetchAsync()
    {
        using var limit = new CancellationTokenSource(Timeout);
        // Uses the environment's proxy (HttpClient.DefaultProxy). Follows no redirect, because it could send the secret to another host.
        using var http = new HttpMessageInvoker(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });
        try
        {
            if (_endpoint is null && await DiscoverAsync(http, limit.Token) is { } problem)
            {
                return new TokenAnswer(null, Failure: problem);
            }

            using var answer = await http.RequestClientCredentialsTokenAsync(
                new ClientCredentialsTokenRequest
                {
                    Address = _endpoint,
                    ClientId = options.ClientId!,
                    ClientSecret = options.ClientSecret,
                    Scope = options.Scope ?? ClientOptions.SendScope,
                },
                limit.Token);
            if (answer.IsError)
            {
                // The endpoint may have moved, so discover it again.
                _endpoint = null;
                return new TokenAnswer(null, Failure: Judge(answer));
            }

            return answer.AccessToken is { } token && TokenFile.IsToken68(token) && "Bearer".Equals(answer.TokenType, StringComparison.OrdinalIgnoreCase)
                ? new TokenAnswer(token, answer.ExpiresIn > 0 ? TimeSpan.FromSeconds(answer.ExpiresIn) : null)
                : new TokenAnswer(null, Failure: Fail(AttemptOutcome.Impossible, "issued no bearer token"));
        }
        catch (OperationCanceledException)
        {
            return new TokenAnswer(null, Failure: Late());
        }
    }

    private async Task<AttemptResult?> DiscoverAsync(HttpMessageInvoker http, CancellationToken cancellationToken)
    {
        using var request = new DiscoveryDocumentRequest
        {
            Address = options.Authority,
            // Some providers have their token endpoint on another host; TLS is required there, too. Only the API needs the keys, so the client does not load
            // them.
            Policy = { ValidateEndpoints = false, RequireKeySet = false },
        };
        using var document = await http.GetDiscoveryDocumentAsync(request, cancellationToken);
        if (document.IsError)
        {
            return Judge(document);
        }

        _endpoint = document.TokenEndpoint;
        return string.IsNullOrEmpty(_endpoint) ? Fail(AttemptOutcome.Impossible, "names no token endpoint") : null;
    }

    private AttemptResult Judge(ProtocolResponse answer)
    {
        if (answer.Exception is OperationCanceledException)
        {
            return Late();
        }

        if (answer.Exception is HttpRequestException or IOException)
        {
            var cause = ConnectionErrors.Judge(answer.Exception);
            return Fail(cause.Kind, cause.Detail, separator: ": ");
        }

        var status = (int)answer.HttpStatusCode;
        // The body of a 400 or 401 contains this field (RFC 6749, section 5.2).
        var error = answer.TryGet("error");
        var isTransient = status is 408 or 429 or >= 500 || error is "temporarily_unavailable" or "server_error";
        var text = error switch
        {
            "invalid_client" or "unauthorized_client" => $"refuses Client:ClientId with Client:ClientSecret ({error})",
            "invalid_scope" => $"refuses the scope {options.Scope ?? ClientOptions.SendScope} ({error})",
            not null => $"issued no token ({error})",
            _ => answer.ErrorType == ResponseErrorType.Http ? $"answers {status}" : $"did not send a valid token answer ({answer.Error})",
        };
        // The description may repeat the secret from the request.
        var reason = answer.TryGet("error_description")?.Replace(options.ClientSecret!, "***", StringComparison.Ordinal);
        return Fail(isTransient ? AttemptOutcome.TryAgain : AttemptOutcome.Impossible, reason is null ? text : $"{text}: {reason}") with
        {
            RetryAfter = answer.HttpResponse is { } response ? RetryAfterHeader.Read(response.Headers) : null,
        };
    }

    private AttemptResult Late() => Fail(AttemptOutcome.TryAgain, $"did not answer within {Timeout.TotalSeconds:0.#} s");

    private AttemptResult Fail(AttemptOutcome kind, string text, string separator = " ") =>
        new(kind) { Detail = RemoteText.OneLine($"the token server {options.Authority}{separator}{text}").TrimEnd('.') };
}
