using Microsoft.AspNetCore.WebUtilities;
using RevenueAspire.Api.Ingest;

namespace RevenueAspire.Api.Errors;

/// <summary>An error as RFC 9457 has it (<c>application/problem+json</c>), with the name of the field that is at fault.</summary>
/// <param name="Status">The status code again.</param>
/// <param name="Title">The status code's name.</param>
/// <param name="Detail">What is wrong and, where it is not obvious, what to do.</param>
/// <param name="Field">The field, parameter or header at fault, or absent.</param>
/// <param name="RejectedCount">For a batch without a single event: lines that are no events.</param>
/// <param name="Rejected">For a batch without a single event: the first of those lines, as many as were asked for.</param>
internal sealed record Problem(
    int Status, string Title, string Detail, string? Field = null, int? RejectedCount = null, IReadOnlyList<RejectedLine>? Rejected = null)
{
    /// <summary>A problem whose title is the name of its status code.</summary>
    public static Problem Of(int status, string detail, string? field = null) => new(status, ReasonPhrases.GetReasonPhrase(status), detail, field);

    /// <summary>RFC 9457: title and status code say it all.</summary>
    public string Type { get; } = "about:blank";
}
