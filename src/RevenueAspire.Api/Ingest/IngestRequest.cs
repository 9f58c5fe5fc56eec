using System.Diagnostics;
using Microsoft.AspNetCore.Connections;
using RevenueAspire.Api.Errors;
using RevenueAspire.Api.Requests;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Ingest;

/// <summary>Shared parts of the two POST calls: the checks before the body is read, and the error answers.</summary>
internal static class IngestRequest
{
    private const string KeyHeader = "Idempotency-Key";

    private const int MaxKeyLength = 128;

    /// <summary>After a full queue, which drains within milliseconds.</summary>
    private const int QueueFullRetrySeconds = 1;

    /// <summary>After a failure of the disk, which takes longer to recover.</summary>
    private const int UnavailableRetrySeconds = 5;

    /// <summary>After a refusal by the log, which only an operator can end.</summary>
    private const int RefusedRetrySeconds = 30;

    /// <summary>Up to this size, reading the rest of the body is cheaper than a new connection.</summary>
    private const int CheapToDrainBytes = 64 << 10;

    /// <summary>Counts a POST that is refused because of its credentials. Refused GET requests are not counted.</summary>
    public static void CountRefusal(HttpContext context, IngestMetrics metrics)
    {
        if (HttpMethods.IsPost(context.Request.Method))
        {
            metrics.Unnamed.Refused.Add(1);
            CloseUnlessCheap(context);
        }
    }

    /// <summary>Reads the Idempotency-Key; null if the header is absent.</summary>
    /// <returns>Null if the body may be read, otherwise the pending refusal.</returns>
    public static Task? RefuseKey(HttpContext context, CallerMetrics metrics, out string? key)
    {
        var values = context.Request.Headers[KeyHeader];
        key = values.Count == 0 ? null : values[0] ?? "";
        return key is null || (values.Count == 1 && key.Length is > 0 and <= MaxKeyLength && !key.AsSpan().ContainsAnyExceptInRange('!', '~'))
            ? null
            : RefuseAsync(context, metrics, StatusCodes.Status400BadRequest,
                $"{KeyHeader}: must be given once, with 1 to {MaxKeyLength} visible ASCII characters.", KeyHeader);
    }

    /// <summary>Refuses a request whose body is unread or only partly read.</summary>
    public static Task RefuseAsync(HttpContext context, CallerMetrics metrics, int status, string detail, string? field, int? retryAfterSeconds = null)
    {
        metrics.Refused.Add(1);
        CloseUnlessCheap(context);
        return ProblemResponse.WriteAsync(context, status, detail, field, retryAfterSeconds);
    }

    /// <summary>Whether reading the body failed because its sender is slow, has disconnected, or sends malformed chunks.</summary>
    public static bool IsBrokenBody(Exception exception) => exception is IOException or OperationCanceledException;

    /// <summary>Counts a body that could not be read.</summary>
    /// <returns>The exception to throw. Kestrel reports some malformed chunks, such as a size beyond 32 bits, as a stream error instead of a bad
    /// request.</returns>
    public static Exception CountBrokenBody(CallerMetrics metrics, Exception exception)
    {
        metrics.Refused.Add(1);
        return exception is IOException and not (BadHttpRequestException or ConnectionResetException)
            ? new BadHttpRequestException("The body is malformed or cut off.", StatusCodes.Status400BadRequest, exception)
            : exception;
    }

    /// <summary>The W3C id of the request's span if it is sampled, otherwise null: an unsampled trace would waste bytes in the log.</summary>
    public static string? TraceParent() => Activity.Current is { Recorded: true, IdFormat: ActivityIdFormat.W3C } span ? span.Id : null;

    /// <summary>Answers an append that did not succeed.</summary>
    /// <param name="result">Any result except Appended and Repeated.</param>
    /// <param name="events">Number of events in the group.</param>
    public static Task AnswerFailureAsync(HttpContext context, CallerMetrics metrics, AppendResult result, int events)
    {
        metrics.Refused.Add(events);
        return result.Status switch
        {
            AppendStatus.KeyConflict => ProblemResponse.WriteAsync(
                context, StatusCodes.Status422UnprocessableEntity, $"{KeyHeader}: this key was used with a different body. Nothing was appended.",
                KeyHeader),
            AppendStatus.QueueFull => ProblemResponse.WriteAsync(
                context, StatusCodes.Status503ServiceUnavailable, "Too many events are waiting to be written. Nothing was appended; try again.",
                retryAfterSeconds: QueueFullRetrySeconds),
            AppendStatus.Unavailable => ProblemResponse.WriteAsync(
                context, StatusCodes.Status503ServiceUnavailable, "The log cannot be written right now. Nothing was appended; try again.",
                retryAfterSeconds: UnavailableRetrySeconds),
            AppendStatus.Refused => ProblemResponse.WriteAsync(
                context, StatusCodes.Status503ServiceUnavailable, $"{result.Error}. Nothing was appended.", retryAfterSeconds: RefusedRetrySeconds),
            AppendStatus.InDoubt => ProblemResponse.WriteAsync(
                context, StatusCodes.Status503ServiceUnavailable,
                "The log failed during the write, so the request may or may not have been appended. Repeat it only with the same "
                    + $"{KeyHeader}; without one it may count twice.",
                retryAfterSeconds: UnavailableRetrySeconds),
            _ => throw new UnreachableException($"{result.Status} is not a failure."),
        };
    }

    /// <summary>Closes the connection after the answer, if reading the rest of the body would cost more than a new connection.</summary>
    public static void CloseUnlessCheap(HttpContext context)
    {
        if (context.Request.ContentLength is null or > CheapToDrainBytes)
        {
            context.Response.Headers.Connection = "close";
        }
    }
}
