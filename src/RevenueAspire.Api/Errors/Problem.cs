using System.Globalization;
using Microsoft.AspNetCore.WebUtilities;
using RevenueAspire.Api.Ingest;
using RevenueAspire.Api.Requests;

namespace RevenueAspire.Api.Errors;

/// <summary>An error in the format of RFC 9457 (<c>application/problem+json</c>), with the name of the invalid field.</summary>
internal sealed record Problem(
    int Status, string Title, string Detail, string? Field = null, int? RejectedCount = null, IReadOnlyList<RejectedLine>? Rejected = null)
{
    public static Problem Of(int status, string detail, string? field = null) => new(status, ReasonPhrases.GetReasonPhrase(status), detail, field);

    /// <summary>RFC 9457: the problem has no meaning beyond its status code.</summary>
    public string Type { get; } = "about:blank";
}

/// <summary>Answers with problem details.</summary>
internal static class ProblemResponse
{
    public const string ContentType = "application/problem+json";

    private const int DefaultRetrySeconds = 5;

    /// <param name="retryAfterSeconds">For 429 and 503, which always have <c>Retry-After</c>: its value; null for the default.</param>
    public static Task WriteAsync(HttpContext context, int status, string detail, string? field = null, int? retryAfterSeconds = null) =>
        WriteAsync(context, Problem.Of(status, detail, field), retryAfterSeconds);

    public static Task WriteAsync(HttpContext context, Problem problem, int? retryAfterSeconds = null)
    {
        context.Response.StatusCode = problem.Status;
        if (problem.Status is StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable)
        {
            context.Response.Headers.RetryAfter = (retryAfterSeconds ?? DefaultRetrySeconds).ToString(CultureInfo.InvariantCulture);
        }

        // Pass no cancellation token: after a disconnect, the write then completes without an exception.
        return context.Response.WriteAsJsonAsync(problem, ApiJson.Of<Problem>(), ContentType);
    }
}
