using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using RevenueAspire.Client.Credentials;

namespace RevenueAspire.Client.Http;

/// <summary>Makes one attempt at one request. Knows HTTP and the API's answers, but not the file, and does not retry. Thread-safe.</summary>
/// <param name="http">Must have no timeout. Not an HttpClient, which adds a linked token source and a second check of headers and address to each
/// request.</param>
/// <param name="url">The API's base address.</param>
/// <param name="credential">Supplies the Authorization header.</param>
internal sealed class ApiConnection(HttpMessageInvoker http, Uri url, Credential credential)
{
    /// <summary>Maximum bytes of an answer to read, apart from its rejected lines.</summary>
    private const int MaxAnswerBytes = 1 << 20;

    /// <summary>Maximum bytes of an answer per rejected line; the API's entries are far smaller.</summary>
    private const int MaxBytesPerLine = 512;

    private const string Authorization = "Authorization";

    private static readonly MediaTypeHeaderValue Json = new("application/json");
    private static readonly MediaTypeHeaderValue JsonLines = new("application/jsonl");

    private readonly Uri _event = new(WithSlash(url), "liveEvent");
    private readonly Uri _events = new(WithSlash(url), "liveEvents");
    private readonly Uri _state = new(WithSlash(url), "liveEvents/state");

    /// <summary>The API's base address, ending in a slash.</summary>
    public Uri Url { get; } = WithSlash(url);

    /// <summary>Whether requests carry a token; else they carry a secret.</summary>
    public bool HasToken => credential.IsToken;

    /// <summary>The API's log, as known from receipts and from the API's state.</summary>
    public LogPosition Log { get; } = new();

    /// <summary>Sends one event, or a batch as JSON Lines.</summary>
    /// <param name="lines">Number of lines of a batch, which is sent to <c>/liveEvents</c>; the API lists up to this many rejected lines. 0 for a single
    /// event.</param>
    /// <param name="key">The Idempotency-Key; null for none.</param>
    /// <param name="body">Must not change until the call returns. After an <see cref="AttemptOutcome.TryAgain"/> without a status, it must never change,
    /// because a broken connection may still read it.</param>
    /// <param name="cancellationToken">Aborts the attempt.</param>
    /// <exception cref="HttpRequestException">No connection, or a broken one.</exception>
    /// <exception cref="IOException">The answer was cut off.</exception>
    public async ValueTask<AttemptResult> PostAsync(int lines, string? key, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        var isBatch = lines > 0;
        using var content = new ReadOnlyMemoryContent(body);
        content.Headers.ContentType = isBatch ? JsonLines : Json;
        using var request = new HttpRequestMessage(HttpMethod.Post, isBatch ? new Uri($"{_events.AbsoluteUri}?listed={lines}") : _event) { Content = content };
        if (key is not null)
        {
            request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
        }

        try
        {
            using var response = await SendAsync(request, cancellationToken);
            return await ReadAsync(response, lines, cancellationToken);
        }
        catch (CredentialException none)
        {
            return none.Answer;
        }
    }

    /// <summary>Queries which keys the API remembers.</summary>
    /// <returns>The state, or null if this API does not report it. If there was no answer with a state, a failure: retriable, <see
    /// cref="AttemptOutcome.Unauthorized"/>, or <see cref="AttemptOutcome.Impossible"/>.</returns>
    /// <exception cref="HttpRequestException">No connection, or a broken one.</exception>
    /// <exception cref="IOException">The answer was cut off.</exception>
    public async Task<(LogState? State, AttemptResult? Failure)> GetLogStateAsync(CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, _state);
        var buffer = ArrayPool<byte>.Shared.Rent(4096);
        try
        {
            using var response = await SendAsync(request, cancellationToken);
            var body = await ReadBodyAsync(response, buffer, MaxAnswerBytes, cancellationToken);
            if (response.StatusCode == HttpStatusCode.OK)
            {
                return (LogState.Parse(body), null);
            }

            var status = response.StatusCode;
            var detail = DetailOf(ResponseBody.Parse(body.Span));
            return (null, IsTransient(status)
                ? new AttemptResult(AttemptOutcome.TryAgain)
                {
                    Detail = $"it answers {Describe(status, detail)}",
                    RetryAfter = RetryAfterHeader.Read(response.Headers),
                }
                : Refusal(status, detail) ?? Impossible(response));
        }
        catch (CredentialException none)
        {
            return (null, none.Answer);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Sends a request. If the API refuses its token (401), sends it once more with a renewed token. This is safe, because the API appended
    /// nothing.</summary>
    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            var authorization = await credential.GetAsync(cancellationToken);
            request.Headers.TryAddWithoutValidation(Authorization, authorization);
            var response = await http.SendAsync(request, cancellationToken);
            if (response.StatusCode != HttpStatusCode.Unauthorized || await RenewAsync(response, authorization, cancellationToken) is not { } renewed)
            {
                return response;
            }

            response.Dispose();
            request.Headers.Remove(Authorization);
            request.Headers.TryAddWithoutValidation(Authorization, renewed);
            return await http.SendAsync(request, cancellationToken);
        }
        catch (SocketException exception)
        {
            // If a new connection is reset while .NET queries the socket's remote address, .NET throws a bare SocketException.
            throw new HttpRequestException(HttpRequestError.ConnectionError, exception.Message, exception);
        }
    }

    private async ValueTask<string?> RenewAsync(HttpResponseMessage refusal, string authorization, CancellationToken cancellationToken)
    {
        try
        {
            // Read the whole answer: until it is complete, the connection may still read the request's body.
            await refusal.Content.LoadIntoBufferAsync(MaxAnswerBytes, cancellationToken);
            return await credential.RenewAsync(authorization, cancellationToken);
        }
        catch
        {
            refusal.Dispose();
            throw;
        }
    }

    private async ValueTask<AttemptResult> ReadAsync(HttpResponseMessage response, int lines, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(4096);
        try
        {
            var body = await ReadBodyAsync(response, buffer, MaxAnswerBytes + (lines * MaxBytesPerLine), cancellationToken);
            return Judge(response, lines > 0, ResponseBody.Parse(body.Span));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private AttemptResult Judge(HttpResponseMessage response, bool isBatch, ResponseBody? body)
    {
        var status = response.StatusCode;
        var detail = DetailOf(body);
        return status switch
        {
            HttpStatusCode.Accepted => Accepted(isBatch, body),
            HttpStatusCode.BadRequest when body is { Rejected: { } rejected } && isBatch =>
                new AttemptResult(AttemptOutcome.Rejected) { RejectedCount = body.RejectedCount ?? rejected.Count, Rejected = rejected, Detail = detail },
            HttpStatusCode.BadRequest when detail.Length > 0 && !isBatch => new AttemptResult(AttemptOutcome.Rejected) { RejectedCount = 1, Detail = detail },
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden when Refusal(status, detail) is { } refusal => refusal,
            HttpStatusCode.RequestEntityTooLarge => new AttemptResult(AttemptOutcome.TooLarge) { Detail = detail, IsExplained = detail.Length > 0 },
            HttpStatusCode.UnprocessableEntity when detail.Length > 0 => new AttemptResult(AttemptOutcome.KeyConflict) { Detail = detail },
            _ when IsTransient(status) =>
                new AttemptResult(AttemptOutcome.TryAgain)
                {
                    Detail = Describe(status, detail),
                    RetryAfter = RetryAfterHeader.Read(response.Headers),
                    IsLimited = status == HttpStatusCode.TooManyRequests,
                },
            _ => Impossible(response) ?? new AttemptResult(AttemptOutcome.Unexpected) { Detail = Describe(status, detail) },
        };
    }

    /// <summary>The API's refusal of the credential; null for any other answer, such as a proxy's page. The API never answers a secret with 403.</summary>
    private AttemptResult? Refusal(HttpStatusCode status, string detail)
    {
        if (detail.Length == 0 || !(status == HttpStatusCode.Unauthorized || (status == HttpStatusCode.Forbidden && credential.IsToken)))
        {
            return null;
        }

        var reason = credential.IsToken ? $": {detail.TrimEnd('.')}" : "";
        return new AttemptResult(AttemptOutcome.Unauthorized) { Detail = $"refuses the {credential.Name} ({(int)status}){reason}" };
    }

    /// <summary>The cause if the status shows that a proxy answers, or that the address is wrong; else null.</summary>
    private static AttemptResult? Impossible(HttpResponseMessage response)
    {
        var status = (int)response.StatusCode;
        var cause = response.StatusCode switch
        {
            HttpStatusCode.Forbidden => "it answers 403 (forbidden), which the API never does: a proxy or a firewall in front of it refuses the request",
            HttpStatusCode.ProxyAuthenticationRequired =>
                "the proxy asks for a user name and a password (407): write them into HTTP_PROXY, as http://user:password@proxy:3128",
            HttpStatusCode.NetworkAuthenticationRequired => "the network asks for a login first (511)",
            HttpStatusCode.Unauthorized when response.RequestMessage?.Method == HttpMethod.Post =>
                "it answers 401, but not as the API does: a proxy in front of it asks for a login",
            >= HttpStatusCode.MultipleChoices and < HttpStatusCode.BadRequest when response.Headers.Location is { } location =>
                $"it redirects ({status}) to {Shown(location)}; if that is the API, use that address",
            _ => null,
        };
        return cause is null ? null : new AttemptResult(AttemptOutcome.Impossible) { Detail = cause };
    }

    /// <summary>The address without its possibly secret parts: user name, password and query.</summary>
    private static string Shown(Uri location) =>
        RemoteText.OneLine(
            location.IsAbsoluteUri
                ? location.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped)
                : location.OriginalString.Split('?', '#')[0]);

    private AttemptResult Accepted(bool isBatch, ResponseBody? body)
    {
        // Any web server can answer 202; only a receipt proves that the events are on disk.
        if (body?.Receipt is not { } receipt || (isBatch && body is not { Accepted: > 0, RejectedCount: >= 0 }))
        {
            return new AttemptResult(AttemptOutcome.Unexpected) { Detail = "202 without a receipt" };
        }

        // Count the lines as accepted even if another log has them. If they were sent again to the run's first log, they would count twice.
        var otherLog = Log.Advance(receipt.LogId, receipt.Offset) ? null
            : $"with a receipt of log {receipt.LogId:N}, but the run began with log {Log.Id:N}";
        return isBatch
            ? new AttemptResult(AttemptOutcome.Accepted)
            {
                Accepted = body.Accepted!.Value,
                RejectedCount = body.RejectedCount!.Value,
                Rejected = body.Rejected ?? [],
                OtherLog = otherLog,
            }
            : otherLog is null ? AttemptResult.OneAccepted : AttemptResult.OneAccepted with { OtherLog = otherLog };
    }

    /// <summary>Reads the whole body, so that its connection can be reused. Uses the given buffer, or allocates a larger one.</summary>
    private static async ValueTask<ReadOnlyMemory<byte>> ReadBodyAsync(
        HttpResponseMessage response, byte[] buffer, int maxBytes, CancellationToken cancellationToken)
    {
        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        var length = 0;
        while (true)
        {
            var read = await stream.ReadAsync(buffer.AsMemory(length), cancellationToken);
            length += read;
            if (read == 0 || length > maxBytes)
            {
                // The API never sends a longer answer. The truncated text is not valid JSON, so it is rejected.
                return buffer.AsMemory(0, length);
            }

            if (length == buffer.Length)
            {
                var larger = new byte[buffer.Length * 2];
                buffer.CopyTo(larger, 0);
                buffer = larger;
            }
        }
    }

    private static bool IsTransient(HttpStatusCode status) => status switch
    {
        HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests => true,
        HttpStatusCode.NotImplemented or HttpStatusCode.HttpVersionNotSupported or HttpStatusCode.NetworkAuthenticationRequired => false,
        _ => (int)status >= 500,
    };

    private static string Describe(HttpStatusCode status, string detail) => detail.Length == 0 ? $"{(int)status}" : $"{(int)status}: {detail}";

    private static string DetailOf(ResponseBody? body) => RemoteText.OneLine(body?.Detail ?? body?.Title ?? "");

    private static Uri WithSlash(Uri url) => url.AbsoluteUri.EndsWith('/') ? url : new Uri(url.AbsoluteUri + "/");
}
