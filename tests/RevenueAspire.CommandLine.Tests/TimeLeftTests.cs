namespace RevenueAspire.CommandLine.Tests;

public sealed class TimeLeftTests
{
    [Theory]
    [InlineData(0, ", 00:00:00 left")]
    [InlineData(86_399, ", 23:59:59 left")]
    [InlineData(86_400 + 3661, ", 1 day 01:01:01 left")]
    [InlineData(1234.0 * 86_400, ", 1,234 days 00:00:00 left")]
    [InlineData(1e300, "")]
    [InlineData(double.NaN, "")]
    [InlineData(-1, "")]
    public void Format_keeps_the_days(double seconds, string expected) => Assert.Equal(expected, TimeLeft.Format(seconds));
}
