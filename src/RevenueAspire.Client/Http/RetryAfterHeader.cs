using System.Globalization;
using System.Net.Http.Headers;

namespace RevenueAspire.Client.Http;

/// <summary>Reads Retry-After, also where .NET's parser gives up: a number that fits in no integer asks for a long wait, not for none. Pure, but for the
/// clock.</summary>
internal static class RetryAfterHeader
{
    /// <summary>Timers take no more than some weeks, and no run waits that long for a single answer.</summary>
    public static readonly TimeSpan Max = TimeSpan.FromDays(1);

    /// <summary>The wait, at most <see cref="Max"/>; null without the header, or when it is neither a number nor a date.</summary>
    public static TimeSpan? Read(HttpResponseHeaders headers)
    {
        if (headers.RetryAfter is { } parsed)
        {
            return Clamp(parsed.Delta ?? parsed.Date - DateTimeOffset.UtcNow ?? TimeSpan.Zero);
        }

        if (!headers.NonValidated.TryGetValues("Retry-After", out var values))
        {
            return null;
        }

        return double.TryParse(
            values.ToString(),
            NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite,
            CultureInfo.InvariantCulture,
            out var seconds)
            ? seconds >= Max.TotalSeconds ? Max : TimeSpan.FromSeconds(seconds)
            : null;
    }

    private static TimeSpan Clamp(TimeSpan wait) => wait < TimeSpan.Zero ? TimeSpan.Zero : wait > Max ? Max : wait;
}
