using Microsoft.AspNetCore.WebUtilities;
using RevenueAspire.Api.Ingest;

namespace RevenueAspire.Api.Errors;

/// <summary>An error in the format of RFC 9457 (<c>application/problem+json</c>), with the name of the invalid field.</summary>
/// <param name="Status">The HTTP status code.</param>
/// <param name="Title">The status code's name.</param>
/// <param name="Detail">The cause and, unless obvious, the remedy.</param>
/// <param name="Field">The invalid field, parameter or header, or absent.</param>
/// <param name="RejectedCount">For a batch without a valid event: the number of rejected lines.</param>
/// <param name="Rejected">For a batch without a valid event: the first rejected lines, as many as the caller requested.</param>
internal sealed record Problem(
    int Status, string Title, string Detail, string? Field = null, int? RejectedCount = null, IReadOnlyList<RejectedLine>? Rejected = null)
{
    /// <summary>A problem titled with the name of its status code.</summary>
    public static Problem Of(int status, string detail, string? field = null) => new(status, ReasonPhrases.GetReasonPhrase(status), detail, field);

    /// <summary>RFC 9457: the problem has no meaning beyond its status code.</summary>
    public string Type { get; } = "about:blank";
}
