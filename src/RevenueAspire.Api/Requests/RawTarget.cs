using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http.Features;

namespace RevenueAspire.Api.Requests;

/// <summary>Reads ids from the request target as sent, percent-decoded exactly once.</summary>
/// <remarks>The server's decoded path is not usable: it decodes <c>%25</c> but not <c>%2F</c>, so <c>a%2Fb</c> and <c>a%252Fb</c> would become the same
/// id.</remarks>
internal static class RawTarget
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The second segment of a path like <c>/userEvents/user1/history</c>, still encoded. Null if the sent path has another number of segments than
    /// the route, because the server resolved dot segments.</summary>
    public static string? FindSecondSegment(HttpContext context)
    {
        var path = PathOf(context).TrimEnd('/').TrimStart('/');
        var segments = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.PathSegments.Count;
        Span<Range> parts = stackalloc Range[4];
        return path.Split(parts, '/') is >= 2 and var count && count == segments ? path[parts[1]].ToString() : null;
    }

    /// <summary>All values of a query parameter, still encoded, in order. Names are compared case-insensitively.</summary>
    public static List<string> FindParameters(HttpContext context, string name)
    {
        var values = new List<string>();
        var query = context.Request.QueryString.Value.AsSpan().TrimStart('?');
        foreach (var range in query.Split('&'))
        {
            var pair = query[range];
            var equals = pair.IndexOf('=');
            if ((equals < 0 ? pair : pair[..equals]).Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                values.Add(equals < 0 ? "" : pair[(equals + 1)..].ToString());
            }
        }

        return values;
    }

    /// <summary>Reads a whole number from 1 to a maximum; null if the text is another one.</summary>
    public static int? ReadNumber(string text, int max) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= 1 && number <= max ? number : null;

    /// <summary>Decodes percent escapes once.</summary>
    /// <param name="plusIsSpace">True for a query, where form encoders write a space as a plus sign; false for a path, where a plus sign is literal.</param>
    /// <returns>False for an invalid escape, and for bytes that are not UTF-8.</returns>
    public static bool TryDecode(ReadOnlySpan<char> encoded, bool plusIsSpace, out string decoded)
    {
        decoded = "";
        var bytes = new byte[StrictUtf8.GetMaxByteCount(encoded.Length)];
        var count = 0;
        while (!encoded.IsEmpty)
        {
            if (encoded[0] == '%')
            {
                if (encoded.Length < 3 || !char.IsAsciiHexDigit(encoded[1]) || !char.IsAsciiHexDigit(encoded[2]))
                {
                    return false;
                }

                bytes[count++] = Convert.FromHexString(encoded.Slice(1, 2))[0];
                encoded = encoded[3..];
                continue;
            }

            if (encoded[0] == '+' && plusIsSpace)
            {
                bytes[count++] = (byte)' ';
                encoded = encoded[1..];
                continue;
            }

            var plain = encoded.IndexOfAny('%', plusIsSpace ? '+' : '%');
            plain = plain < 0 ? encoded.Length : plain;
            count += Encoding.UTF8.GetBytes(encoded[..plain], bytes.AsSpan(count));
            encoded = encoded[plain..];
        }

        try
        {
            decoded = StrictUtf8.GetString(bytes, 0, count);
            return true;
        }
        catch (DecoderFallbackException)
        {
            return false;
        }
    }

    /// <summary>Makes a request whose target is a whole URL equivalent to <c>GET /path</c>. Clients of a proxy send <c>GET http://host/path</c>.</summary>
    /// <remarks>The server decodes the path of a URL completely, including <c>%2F</c>, and turns a backslash into a slash. A path with dot segments stays as
    /// the server resolved it.</remarks>
    public static void UseOriginPaths(this WebApplication app)
    {
        app.Use(next => context =>
        {
            if (!context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget.StartsWith('/') && PathOf(context) is ['/', ..] path
                && !HasDotSegment(path))
            {
                context.Request.Path = PathString.FromUriComponent(path.ToString());
            }

            return next(context);
        });
    }

    private static bool HasDotSegment(ReadOnlySpan<char> path)
    {
        foreach (var range in path.Split('/'))
        {
            if (!TryDecode(path[range], plusIsSpace: false, out var segment) || segment is "." or "..")
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The path as sent, without the query.</summary>
    public static ReadOnlySpan<char> PathOf(HttpContext context)
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget.AsSpan();
        var end = target.IndexOfAny('?', '#');
        target = end < 0 ? target : target[..end];
        if (target.StartsWith('/'))
        {
            return target;
        }

        // The absolute form, as clients of a proxy send it: http://host/path.
        var authority = target.IndexOf("://", StringComparison.Ordinal);
        var path = authority < 0 ? -1 : target[(authority + 3)..].IndexOf('/');
        return path < 0 ? "/" : target[(authority + 3 + path)..];
    }
}
