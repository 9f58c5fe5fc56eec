using System.Globalization;

namespace RevenueAspire.CommandLine;

/// <summary>The remaining time in a line of progress.</summary>
public static class TimeLeft
{
    /// <summary>As <c>, 2 days 03:04:05 left</c>; nothing where the time cannot be estimated (negative, not a number, or longer than <see cref="TimeSpan"/>
    /// holds).</summary>
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
