using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;

namespace RevenueAspire.Client.Http;

/// <summary>One attempt at one request. Knows HTTP and the API's answers, not the file, and does not retry. Thread-safe.</summary>
/// <param name="http">Has no time-out. HttpClient would add a linked token source and a second check of headers and address to each request, which are not
/// needed here.</param>
/// <param name="url">The API's base address.</param>
/// <param name="secret">Goes into the Authorization header as it is.</param>
internal sealed class ApiConnection(HttpMessageInvoker http, Uri url, string secret)
{
    /// <summary>Bytes of an answer that are read at most, besides its rejected lines.</summary>
    private const int MaxAnswerBytes = 1 << 20;

    /// <summary>What the API says about one rejected line is far smaller.</summary>
    private const int MaxBytesPerLine = 512;

    private static readonly MediaTypeHeaderValue Json = new("application/json");
    private static readonly MediaTypeHeaderValue JsonLines = new("application/jsonl");

    private readonly Uri _event = new(WithSlash(url), "liveEvent");
    private readonly Uri _events = new(WithSlash(url), "liveEvents");
    private readonly Uri _state = new(WithSlash(url), "liveEvents/state");

    /// <summary>The API's base address, ending in a slash.</summary>
    public Uri Url { get; } = WithSlash(url);

    /// <summary>The log behind the API, from its receipts.</summary>
    public LogPosition Log { get; } = new();

    /// <summary>Sends one event, or JSON Lines.</summary>
    /// <param name="lines">Lines of a batch, which goes to <c>/liveEvents</c>: so many rejected ones are to be listed. 0 for a single event.</param>
    /// <param name="key">The Idempotency-Key; null for none.</param>
    /// <param name="body">Must stay unchanged until the call returns, and after an <see cref="AttemptOutcome.TryAgain"/> without a status for good: a broken
    /// connection may still read it.</param>
    /// <param name="cancellationToken">Breaks the attempt off.</param>
    /// <exception cref="HttpRequestException">No connection, or a broken one.</exception>
    /// <exception cref="IOException">The answer broke off.</exception>
    public async ValueTask<AttemptResult> PostAsync(int lines, string? key, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        var isBatch = lines > 0;
        using var content = new ReadOnlyMemoryContent(body);
        content.Headers.ContentType = isBatch ? JsonLines : Json;
        using var request = new HttpRequestMessage(HttpMethod.Post, isBatch ? new Uri($"{_events.AbsoluteUri}?listed={lines}") : _event) { Content = content };
        request.Headers.TryAddWithoutValidation("Authorization", secret);
        if (key is not null)
        {
            request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
        }

        using var response = await SendAsync(request, cancellationToken);
        return await ReadAsync(response, lines, cancellationToken);
    }

    /// <summary>Asks which keys the API remembers.</summary>
    /// <returns>The state, null when this API does not tell; and an answer when it gave none: one that may be repeated,
    /// <see cref="AttemptOutcome.Unauthorized"/>, or <see cref="AttemptOutcome.Impossible"/>.</returns>
    /// <exception cref="HttpRequestException">No connection, or a broken one.</exception>
    /// <exception cref="IOException">The answer broke off.</exception>
    public async Task<(LogState? State, AttemptResult? Failure)> GetLogStateAsync(CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, _state);
        request.Headers.TryAddWithoutValidation("Authorization", secret);
        using var response = await SendAsync(request, cancellationToken);
        var buffer = ArrayPool<byte>.Shared.Rent(4096);
        try
        {
            var body = await ReadBodyAsync(response, buffer, MaxAnswerBytes, cancellationToken);
            if (response.StatusCode == HttpStatusCode.OK)
            {
                return (LogState.Parse(body), null);
            }

            // Without the text of another machine: it may be a proxy's page.
            var detail = OneLine(ResponseBody.Parse(body.Span)?.Detail ?? "");
            return (null, response.StatusCode switch
            {
                HttpStatusCode.Unauthorized when detail.Length > 0 => new AttemptResult(AttemptOutcome.Unauthorized) { Detail = detail },
                var status when IsTransient(status) => new AttemptResult(AttemptOutcome.TryAgain)
                {
                    Detail = $"it answers {Describe(status, detail)}",
                    RetryAfter = RetryAfterHeader.Read(response.Headers),
                },
                _ => Impossible(response),
            });
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            return await http.SendAsync(request, cancellationToken);
        }
        catch (SocketException exception)
        {
            // A connection that is reset the moment it is made: .NET asks the socket for its other end, and lets out what that throws.
            throw new HttpRequestException(HttpRequestError.ConnectionError, exception.Message, exception);
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
        var detail = OneLine(body?.Detail ?? body?.Title ?? "");
        return status switch
        {
            HttpStatusCode.Accepted => Accepted(isBatch, body),
            HttpStatusCode.BadRequest when body is { Rejected: { } rejected } && isBatch =>
                new AttemptResult(AttemptOutcome.Rejected) { RejectedCount = body.RejectedCount ?? rejected.Count, Rejected = rejected, Detail = detail },
            HttpStatusCode.BadRequest when detail.Length > 0 && !isBatch => new AttemptResult(AttemptOutcome.Rejected) { RejectedCount = 1, Detail = detail },
            HttpStatusCode.Unauthorized when detail.Length > 0 => new AttemptResult(AttemptOutcome.Unauthorized) { Detail = detail },
            HttpStatusCode.RequestEntityTooLarge => new AttemptResult(AttemptOutcome.TooLarge) { Detail = detail, IsExplained = detail.Length > 0 },
            HttpStatusCode.UnprocessableEntity when detail.Length > 0 => new AttemptResult(AttemptOutcome.KeyConflict) { Detail = detail },
            _ when IsTransient(status) =>
                new AttemptResult(AttemptOutcome.TryAgain) { Detail = Describe(status, detail), RetryAfter = RetryAfterHeader.Read(response.Headers) },
            _ => Impossible(response) ?? new AttemptResult(AttemptOutcome.Unexpected) { Detail = Describe(status, detail) },
        };
    }

    /// <summary>The cause where a status says that something in front of the API answers, or that the address is another one; else null.</summary>
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

    /// <summary>Without what may be secret in it: user name, password and query.</summary>
    private static string Shown(Uri location) =>
        OneLine(
            location.IsAbsoluteUri
                ? location.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped)
                : location.OriginalString.Split('?', '#')[0]);

    private AttemptResult Accepted(bool isBatch, ResponseBody? body)
    {
        // Any web server can say 202; only a receipt says that the events are on disk.
        if (body?.Receipt is not { } receipt || (isBatch && body is not { Accepted: > 0, RejectedCount: >= 0 }))
        {
            return new AttemptResult(AttemptOutcome.Unexpected) { Detail = "202 without a receipt" };
        }

        // Accepted is accepted, wherever: sent again to the log that the run began with, the lines would count in both.
        var otherLog = Log.Advance(receipt.LogId, receipt.Offset) ? null
            : $"a receipt of the log {receipt.LogId:N}, while the run began with the log {Log.Id:N}";
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

    /// <summary>Reads the whole body, so that its connection can be used again, into the buffer, or a larger one where it does not fit.</summary>
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
                // What is longer is no answer of the API's, and cut off it is no JSON either.
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

    /// <summary>Text of another machine goes to a terminal: no control characters, and no page of it.</summary>
    private static string OneLine(string text)
    {
        var line = string.Create(Math.Min(text.Length, 500), text, static (span, source) =>
        {
            for (var i = 0; i < span.Length; i++)
            {
                span[i] = char.IsControl(source[i]) ? ' ' : source[i];
            }
        });
        return line.Trim();
    }

    private static Uri WithSlash(Uri url) => url.AbsoluteUri.EndsWith('/') ? url : new Uri(url.AbsoluteUri + "/");
}
