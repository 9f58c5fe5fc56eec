using System.Globalization;

namespace RevenueAspire.CommandLine;

/// <summary>Formats the remaining time for a progress line.</summary>
public static class TimeLeft
{
    /// <summary>Returns <c>, 2 days 03:04:05 left</c>; or an empty text if the time is unknown (negative, not a number, or too long for
    /// <see cref="TimeSpan"/>).</summary>
    public static string Format(double seconds)
    {
        if (!(seconds >= 0 && seconds < TimeSpan.MaxValue.TotalSeconds))
        {
            return "";
        }

        var left = TimeSpan.FromSeconds(seconds);
        var days = left.Days switch { 0 => "", 1 => "1 day ", var many => many.ToString("N0", CultureInfo.InvariantCulture) + " days " };
        return string.Create(CultureInfo.InvariantCulture, $", {days}{left:hh\\:mm\\:ss} left");
    }
}
