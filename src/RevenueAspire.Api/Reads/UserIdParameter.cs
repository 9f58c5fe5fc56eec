using System.Text;
using RevenueAspire.Api.Errors;
using RevenueAspire.Api.Requests;
using RevenueAspire.Events;

namespace RevenueAspire.Api.Reads;

/// <summary>The user of a request: the second segment of a path like <c>/userEvents/{userid}</c>, or <c>?userId=</c>. Only the latter supports the ids <c>.</c>
/// and <c>..</c>, which are special in paths.</summary>
internal static class UserIdParameter
{
    public const string Name = "userId";

    /// <summary>Reads the id in the form of the request's route, decoded once; its length and characters are not checked.</summary>
    public static bool TryRead(HttpContext context, out string userId)
    {
        userId = "";
        return IsInPath(context)
            ? RawTarget.FindSecondSegment(context) is { } segment && RawTarget.TryDecode(segment, plusIsSpace: false, out userId)
            : RawTarget.FindParameters(context, Name) is [var parameter] && RawTarget.TryDecode(parameter, plusIsSpace: true, out userId);
    }

    /// <summary>Reads and checks the id.</summary>
    /// <returns>The problem to answer, or null.</returns>
    public static Problem? Check(HttpContext context, out string userId)
    {
        if (!TryRead(context, out userId))
        {
            return BadUserId(IsInPath(context)
                ? "must be one path segment, percent-encoded once as UTF-8; the form ?userId= takes any id."
                : "must be given once, in the path or as ?userId=, percent-encoded as UTF-8.");
        }

        return userId.Length == 0 || userId.Contains('\0') || Encoding.UTF8.GetByteCount(userId) > EventParser.MaxUserIdBytes
            ? BadUserId($"must be 1 to {EventParser.MaxUserIdBytes} bytes of UTF-8 without U+0000.")
            : null;
    }

    private static bool IsInPath(HttpContext context) => context.Request.RouteValues.ContainsKey("userid");

    private static Problem BadUserId(string text) => Problem.Of(StatusCodes.Status400BadRequest, $"{Name}: {text}", Name);
}
