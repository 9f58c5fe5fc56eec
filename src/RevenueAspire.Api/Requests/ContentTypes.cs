using System.Net.Http.Headers;
using Microsoft.Extensions.Primitives;

namespace RevenueAspire.Api.Requests;

internal static class ContentTypes
{
    public const string Json = "application/json";
    public const string JsonLines = "application/jsonl";
    public const string NdJson = "application/x-ndjson";
    public const string Csv = "text/csv";

    /// <summary>True when the header is absent or names one of the types, in UTF-8.</summary>
    public static bool IsOneOf(string? contentType, params ReadOnlySpan<string> types)
    {
        if (string.IsNullOrEmpty(contentType) || types.Contains(contentType))
        {
            return true;
        }

        return MediaTypeHeaderValue.TryParse(contentType, out var parsed)
            && (parsed.CharSet is not { } charset || charset.Trim('"').Equals("utf-8", StringComparison.OrdinalIgnoreCase))
            && types.Contains(parsed.MediaType, StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>True if the Accept header names CSV and prefers no other type.</summary>
    public static bool PrefersCsv(StringValues accept)
    {
        var (csv, others) = (0d, 0d);
        foreach (var header in accept)
        {
            foreach (var text in (header ?? "").Split(','))
            {
                if (MediaTypeWithQualityHeaderValue.TryParse(text, out var type))
                {
                    var isCsv = Csv.Equals(type.MediaType, StringComparison.OrdinalIgnoreCase);
                    (csv, others) = (isCsv ? type.Quality ?? 1 : csv, isCsv ? others : Math.Max(others, type.Quality ?? 1));
                }
            }
        }

        return csv > 0 && csv >= others;
    }

    public static bool IsIdentity(StringValues contentEncoding) =>
        contentEncoding.Count == 0 || (contentEncoding.Count == 1 && contentEncoding[0] is null or "" or "identity");

    /// <summary>True when the body is compressed once, with gzip.</summary>
    public static bool IsGzip(StringValues contentEncoding) =>
        contentEncoding is [{ } coding]
        && (coding.Equals("gzip", StringComparison.OrdinalIgnoreCase) || coding.Equals("x-gzip", StringComparison.OrdinalIgnoreCase));
}
