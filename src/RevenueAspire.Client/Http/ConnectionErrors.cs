using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;

namespace RevenueAspire.Client.Http;

/// <summary>Describes a failed connection in a few words. Pure.</summary>
internal static class ConnectionErrors
{
    /// <summary><see cref="AttemptOutcome.TryAgain"/> for a failure that may be temporary, <see cref="AttemptOutcome.Impossible"/> for a permanent
    /// one.</summary>
    /// <param name="exception">The <see cref="HttpRequestException"/> or <see cref="IOException"/> of an attempt.</param>
    public static AttemptResult Judge(Exception exception) =>
        Permanent(exception) is { } cause
            ? new AttemptResult(AttemptOutcome.Impossible) { Detail = cause }
            : new AttemptResult(AttemptOutcome.TryAgain) { Detail = Describe(exception) };

    private static string? Permanent(Exception exception)
    {
        if (exception is not HttpRequestException request)
        {
            return null;
        }

        if (request.HttpRequestError == HttpRequestError.ProxyTunnelError)
        {
            return request.StatusCode is >= HttpStatusCode.Ambiguous and < HttpStatusCode.InternalServerError
                and not (HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests)
                ? $"the proxy refuses the connection ({(int)request.StatusCode}); see HTTPS_PROXY and NO_PROXY"
                : null;
        }

        // An inner SocketException means that the connection was lost during the handshake: retry. Without one, the handshake itself failed, and would fail
        // again.
        return Find<AuthenticationException>(exception) is { } refusal && Find<SocketException>(exception) is null ? DescribeTls(refusal) : null;
    }

    private static string DescribeTls(AuthenticationException refusal) => refusal.Message switch
    {
        // Search .NET's message only for the names of SslPolicyErrors and X509ChainStatusFlags; the rest would not help a user.
        var message when Has(message, "RemoteCertificateNameMismatch") => "its certificate is for another host name",
        var message when Has(message, "NotTimeValid") => "its certificate has expired, or is not valid yet",
        var message when Has(message, "UntrustedRoot") || Has(message, "PartialChain") =>
            "its certificate is from an authority that this machine does not trust; set SSL_CERT_FILE to a PEM file of trusted authorities",
        var message when Has(message, "certificate") => $"its certificate is not trusted: {OneLine(message)}",
        var message when Has(message, "frame") || Mentions(refusal, "wrong version number") || Mentions(refusal, "packet length") =>
            "it does not answer with TLS; use http:// for an API without a certificate",
        _ => $"no TLS connection: {OneLine(Innermost(refusal).Message)}",
    };

    private static string Describe(Exception exception)
    {
        if (exception is HttpRequestException { HttpRequestError: HttpRequestError.ProxyTunnelError } tunnel)
        {
            return tunnel.StatusCode is { } status ? $"the proxy answers {(int)status}" : "the proxy cannot connect";
        }

        if (Find<SocketException>(exception) is { } socket)
        {
            return socket.SocketErrorCode switch
            {
                SocketError.ConnectionRefused => "connection refused",
                SocketError.HostNotFound or SocketError.TryAgain or SocketError.NoData => "unknown host",
                SocketError.ConnectionReset => "the connection was cut",
                _ => socket.Message,
            };
        }

        return exception is HttpRequestException { HttpRequestError: HttpRequestError.ResponseEnded } or IOException
            ? "the connection was cut"
            : OneLine(exception.Message);
    }

    private static T? Find<T>(Exception? exception) where T : Exception
    {
        for (; exception is not null; exception = exception.InnerException)
        {
            if (exception is T found)
            {
                return found;
            }
        }

        return null;
    }

    /// <summary>The innermost exception. The messages of the outer ones only refer to it.</summary>
    private static Exception Innermost(Exception exception) => exception.InnerException is { } inner ? Innermost(inner) : exception;

    private static bool Has(string text, string word) => text.Contains(word, StringComparison.OrdinalIgnoreCase);

    private static bool Mentions(Exception? exception, string text)
    {
        for (; exception is not null; exception = exception.InnerException)
        {
            if (Has(exception.Message, text))
            {
                return true;
            }
        }

        return false;
    }

    private static string OneLine(string text) => text.ReplaceLineEndings(" ").Trim().TrimEnd('.');
}
