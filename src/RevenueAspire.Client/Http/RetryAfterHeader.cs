using System.Globalization;
using System.Net.Http.Headers;

namespace RevenueAspire.Client.Http;

/// <summary>Reads Retry-After. A number that is too large for .NET's parser counts as a long wait, not as a missing header. Reads the clock; otherwise
/// pure.</summary>
internal static class RetryAfterHeader
{
    /// <summary>Maximum wait. Timers support only some weeks, and no run waits that long for one answer.</summary>
    public static readonly TimeSpan Max = TimeSpan.FromDays(1);

    /// <summary>Returns the wait, at most <see cref="Max"/>; null if the header is missing, or is neither a number nor a date.</summary>
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
