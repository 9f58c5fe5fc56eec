using System.Diagnostics;
using Microsoft.AspNetCore.Connections;
using RevenueAspire.Api.Errors;
using RevenueAspire.Api.Requests;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Ingest;

/// <summary>What both POST calls have in common: the checks before the body is read, and the answers.</summary>
internal static class IngestRequest
{
    /// <summary>The queue drains in milliseconds.</summary>
    private const int QueueFullRetrySeconds = 1;

    /// <summary>A disk takes longer to come back.</summary>
    private const int UnavailableRetrySeconds = 5;

    /// <summary>A person has to act.</summary>
    private const int RefusedRetrySeconds = 30;

    /// <summary>Up to this size a body is cheaper to drain than a new connection is to make.</summary>
    private const int CheapToDrainBytes = 64 << 10;

    /// <summary>Counts a send that is refused for its caller, whose body has not been read. A refused read counts nothing.</summary>
    public static void CountRefusal(HttpContext context, IngestMetrics metrics)
    {
        if (HttpMethods.IsPost(context.Request.Method))
        {
            metrics.CountRefused(1);
            CloseUnlessCheap(context);
        }
    }

    /// <summary>Reads the Idempotency-Key.</summary>
    /// <returns>Null when the body may be read, else the refusal under way.</returns>
    public static Task? RefuseKey(HttpContext context, CallerMetrics metrics, out string? key) =>
        IdempotencyKey.TryRead(context.Request.Headers, out key)
            ? null
            : RefuseAsync(
                context, metrics, StatusCodes.Status400BadRequest,
                $"{IdempotencyKey.Header}: must be given once, as 1 to {IdempotencyKey.MaxLength} visible ASCII characters.", IdempotencyKey.Header);

    /// <summary>Refuses a request whose body has not been read, or not to its end.</summary>
    public static Task RefuseAsync(HttpContext context, CallerMetrics metrics, int status, string detail, string? field, int? retryAfterSeconds = null)
    {
        metrics.CountRefused(1);
        CloseUnlessCheap(context);
        return ProblemResponse.WriteAsync(context, status, detail, field, retryAfterSeconds);
    }

    /// <summary>Whether a body cannot be read because its sender is slow, has disconnected, or sends malformed chunks.</summary>
    public static bool IsBrokenBody(Exception exception) => exception is IOException or OperationCanceledException;

    /// <summary>Counts the refusal of a broken body.</summary>
    /// <param name="metrics">Counts it.</param>
    /// <param name="exception"><see cref="IsBrokenBody"/>.</param>
    /// <returns>The exception to throw. To the server some malformed chunks (a size beyond 32 bits) are an error of the stream, and not a bad
    /// request.</returns>
    public static Exception CountBrokenBody(CallerMetrics metrics, Exception exception)
    {
        metrics.CountRefused(1);
        return exception is IOException and not (BadHttpRequestException or ConnectionResetException)
            ? new BadHttpRequestException("The body cannot be read to its end.", StatusCodes.Status400BadRequest, exception)
            : exception;
    }

    /// <summary>The W3C id of the request's span when it is sampled, else null: a trace that is not kept is not worth its bytes in the log.</summary>
    public static string? TraceParent() => Activity.Current is { Recorded: true, IdFormat: ActivityIdFormat.W3C } span ? span.Id : null;

    /// <summary>Answers an append that did not succeed.</summary>
    /// <param name="context">The request.</param>
    /// <param name="metrics">Counts the refusal.</param>
    /// <param name="result">Neither Appended nor Repeated.</param>
    /// <param name="events">Events in the group.</param>
    public static Task AnswerFailureAsync(HttpContext context, CallerMetrics metrics, AppendResult result, int events)
    {
        metrics.CountRefused(events);
        return result.Status switch
        {
            AppendStatus.KeyConflict => ProblemResponse.WriteAsync(
                context, StatusCodes.Status422UnprocessableEntity, $"{IdempotencyKey.Header}: this key was used with another body. Nothing was appended.",
                IdempotencyKey.Header),
            AppendStatus.QueueFull => ProblemResponse.WriteAsync(
                context, StatusCodes.Status503ServiceUnavailable, "Too many events are waiting for the disk. Nothing was appended; try again.",
                retryAfterSeconds: QueueFullRetrySeconds),
            AppendStatus.Unavailable => ProblemResponse.WriteAsync(
                context, StatusCodes.Status503ServiceUnavailable, "The log cannot be written at present. Nothing was appended; try again.",
                retryAfterSeconds: UnavailableRetrySeconds),
            AppendStatus.Refused => ProblemResponse.WriteAsync(
                context, StatusCodes.Status503ServiceUnavailable, $"{result.Error}. Nothing was appended.", retryAfterSeconds: RefusedRetrySeconds),
            AppendStatus.InDoubt => ProblemResponse.WriteAsync(
                context, StatusCodes.Status503ServiceUnavailable,
                "The log failed in the middle of the write, so it is not known whether this was appended. Only a repeat with the same "
                    + $"{IdempotencyKey.Header} is safe; without one it may count twice.",
                retryAfterSeconds: UnavailableRetrySeconds),
            _ => throw new UnreachableException($"{result.Status} is no failure."),
        };
    }

    /// <summary>Ends the connection after the answer, where the rest of the body is not worth reading.</summary>
    public static void CloseUnlessCheap(HttpContext context)
    {
        if (context.Request.ContentLength is null or > CheapToDrainBytes)
        {
            context.Response.Headers.Connection = "close";
        }
    }
}
