using System.Buffers;
using System.Diagnostics;
using System.Text.Json;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using RevenueAspire.Api.Hosting;
using RevenueAspire.Api.Requests;

namespace RevenueAspire.Api.Errors;

/// <summary>Gives a problem to the requests that the web server itself refuses before the API sees them: malformed headers or targets, two lengths, headers
/// that are too long or too slow.</summary>
/// <remarks>
/// Kestrel answers those with an empty body. It reports each one as a diagnostic event before it writes that answer, and it adds nothing to an answer that has
/// begun by then. This source replaces the one that Kestrel reports to; the events of the other parts of ASP.NET Core go to their own listener, so nothing runs
/// per request. Without a problem, and with the status code alone, remain HTTP/2, whose streams Kestrel ends differently, and a protocol version that Kestrel
/// does not speak.
/// </remarks>
internal sealed class ServerRefusals : DiagnosticSource
{
    private const string BadRequest = "Microsoft.AspNetCore.Server.Kestrel.BadRequest";

    public override bool IsEnabled(string name) => name == BadRequest;

    /// <param name="name">The event's name.</param>
    /// <param name="value">For a refused request its features.</param>
    public override void Write(string name, object? value)
    {
        if (name == BadRequest && value is IFeatureCollection features
            && features.Get<IBadRequestExceptionFeature>()?.Error is BadHttpRequestException error
            && error.StatusCode != StatusCodes.Status505HttpVersionNotsupported
            && features.Get<IHttp2StreamIdFeature>() is null
            && features.Get<IHttpResponseFeature>() is { HasStarted: false } response
            && features.Get<IHttpResponseBodyFeature>() is { } body
            && features.Get<IConnectionTransportFeature>()?.Transport.Output is { } output)
        {
            Answer(error, features.Get<IHttpRequestFeature>()?.Method, response, body, output);
        }
    }

    /// <summary>What is wrong, in the project's words. Kestrel's own text of a slow body names a setting of Kestrel that a user of the API cannot
    /// reach.</summary>
    public static string Describe(BadHttpRequestException error) => error.StatusCode switch
    {
        StatusCodes.Status408RequestTimeout when error.Message.Contains("MinRequestBodyDataRate", StringComparison.Ordinal) =>
            $"The body arrived more slowly than {WebServer.MinBodyBytesPerSecond} bytes a second. Nothing was appended; send smaller requests, or over a "
                + "faster connection.",
        StatusCodes.Status408RequestTimeout => $"The headers did not arrive within {WebServer.HeadersTimeout.TotalSeconds:0} s.",
        StatusCodes.Status414UriTooLong => $"The request line is longer than {WebServer.MaxRequestLineBytes} bytes.",
        StatusCodes.Status431RequestHeaderFieldsTooLarge =>
            $"The headers are longer than {WebServer.MaxHeadersBytes} bytes together, or there are more than {WebServer.MaxHeaders}.",
        _ => error.Message,
    };

    private static void Answer(BadHttpRequestException error, string? method, IHttpResponseFeature response, IHttpResponseBodyFeature body,
        IBufferWriter<byte> output)
    {
        var problem = JsonSerializer.SerializeToUtf8Bytes(Problem.Of(error.StatusCode, Describe(error)), ApiJson.Of<Problem>());
        response.StatusCode = error.StatusCode;
        response.Headers.ContentType = ProblemResponse.ContentType;
        response.Headers.ContentLength = problem.Length;
        response.Headers.Connection = "close";

        // Writes the status line and the headers into the connection's output; nothing is awaited. The request has no body writer yet, so the body goes there
        // directly.
        if (body.StartAsync().IsCompletedSuccessfully && method != HttpMethods.Head)
        {
            output.Write(problem);
        }
    }
}
