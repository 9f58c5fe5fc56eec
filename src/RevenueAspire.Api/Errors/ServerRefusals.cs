using System.Buffers;
using System.Diagnostics;
using System.Text.Json;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using RevenueAspire.Api.Hosting;
using RevenueAspire.Api.Requests;

namespace RevenueAspire.Api.Errors;

/// <summary>Adds problem details to Kestrel's refusals of requests that never reach the API: malformed headers or targets, two lengths, and headers that are
/// too long or too slow.</summary>
/// <remarks>
/// Kestrel answers these requests with an empty body. Before that, it reports each refusal as a diagnostic event. If a response has begun by then, Kestrel adds
/// nothing to it. So this class receives Kestrel's events and writes the answer. Other parts of ASP.NET Core report to another listener, so accepted requests
/// cost nothing. Two kinds of refusals keep an empty body: those on HTTP/2, where a stream ends differently, and an unsupported protocol version.
/// </remarks>
internal sealed class ServerRefusals : DiagnosticSource
{
    private const string BadRequest = "Microsoft.AspNetCore.Server.Kestrel.BadRequest";

    public override bool IsEnabled(string name) => name == BadRequest;

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

    /// <summary>The cause, in the API's words. Kestrel's text for a slow body names a Kestrel setting that a user of the API cannot change.</summary>
    public static string Describe(BadHttpRequestException error) => error.StatusCode switch
    {
        StatusCodes.Status408RequestTimeout when error.Message.Contains("MinRequestBodyDataRate", StringComparison.Ordinal) =>
            $"The body arrived at less than {WebServer.MinBodyBytesPerSecond} bytes per second. Nothing was appended; send smaller requests, or use a "
                + "faster connection.",
        StatusCodes.Status408RequestTimeout => $"The headers did not arrive within {WebServer.HeadersTimeout.TotalSeconds:0} s.",
        StatusCodes.Status414UriTooLong => $"The request line is longer than {WebServer.MaxRequestLineBytes} bytes.",
        StatusCodes.Status431RequestHeaderFieldsTooLarge =>
            $"The headers exceed {WebServer.MaxHeadersBytes} bytes in total, or their number exceeds {WebServer.MaxHeaders}.",
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

        // StartAsync writes the status line and the headers to the connection's output without waiting. The request has no body writer yet, so write the body
        // directly to that output.
        if (body.StartAsync().IsCompletedSuccessfully && method != HttpMethods.Head)
        {
            output.Write(problem);
        }
    }
}
