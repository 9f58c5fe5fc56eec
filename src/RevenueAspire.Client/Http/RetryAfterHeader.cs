using System.Globalization;
using System.Net.Http.Headers;

namespace RevenueAspire.Client.Http;

/// <summary>Reads Retry-After, including numbers that .NET's parser rejects as too large: they ask for a long wait, not for none. Uses the clock; otherwise
/// pure.</summary>
internal static class RetryAfterHeader
{
    /// <summary>Timers are limited to some weeks, and no run waits this long for a single answer.</summary>
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
