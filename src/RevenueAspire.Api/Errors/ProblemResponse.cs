using System.Globalization;
using RevenueAspire.Api.Requests;

namespace RevenueAspire.Api.Errors;

/// <summary>Answers with problem details.</summary>
internal static class ProblemResponse
{
    /// <summary>Every 429 and 503 carries <c>Retry-After</c>.</summary>
    private const int DefaultRetrySeconds = 5;

    public const string ContentType = "application/problem+json";

    /// <summary>Answers with a status code, a text and the invalid field.</summary>
    /// <param name="context">Its response must not have started.</param>
    /// <param name="status">4xx or 5xx.</param>
    /// <param name="detail">A sentence for a human reader.</param>
    /// <param name="field">The invalid field, parameter or header, or null.</param>
    /// <param name="retryAfterSeconds">For 429 and 503: the value of <c>Retry-After</c>; null for the default.</param>
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
