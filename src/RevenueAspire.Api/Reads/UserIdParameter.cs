using RevenueAspire.Api.Requests;

namespace RevenueAspire.Api.Reads;

/// <summary>The user that a request is about: <c>/userEvents/{userid}</c> or <c>/userEvents?userId=</c>.</summary>
internal static class UserIdParameter
{
    public const string Name = "userId";

    /// <summary>Reads the id in the form that the request's route has.</summary>
    public static bool TryRead(HttpContext context, out string userId) =>
        context.Request.RouteValues.ContainsKey("userid") ? TryReadPath(context, out userId) : TryReadQuery(context, out userId);

    /// <summary>The id is the path's last segment.</summary>
    public static bool TryReadPath(HttpContext context, out string userId)
    {
        userId = "";
        return RawTarget.FindLastSegment(context) is { } segment && RawTarget.TryDecode(segment, plusIsSpace: false, out userId);
    }

    /// <summary>The id is a query parameter: the only way for <c>.</c> and <c>..</c>, which have a meaning in paths.</summary>
    public static bool TryReadQuery(HttpContext context, out string userId)
    {
        userId = "";
        return RawTarget.FindParameters(context, Name) is [var parameter] && RawTarget.TryDecode(parameter, plusIsSpace: true, out userId);
    }
}
