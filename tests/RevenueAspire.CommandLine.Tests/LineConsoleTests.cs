using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace RevenueAspire.CommandLine.Tests;

public sealed class LineConsoleTests
{
    [Fact]
    public void An_entry_is_one_line_with_utc_time_level_and_short_category() =>
        Assert.Matches(@"^\d\d:\d\d:\d\d\.\d{3}Z warn Api\.Reads: two lines\n$", Written("RevenueAspire.Api.Reads", LogLevel.Warning, 1, "two\nlines", null));

    [Fact]
    public void An_exception_follows_in_full()
    {
        var text = Written("X", LogLevel.Error, 1, "it broke", new InvalidOperationException("why"));

        Assert.Contains("fail X: it broke\n", text, StringComparison.Ordinal);
        Assert.Contains("System.InvalidOperationException: why", text, StringComparison.Ordinal);
    }

    [Fact]
    public void The_hosts_account_of_a_failed_start_is_left_to_the_one_line_that_follows()
    {
        const string host = "Microsoft.Extensions.Hosting.Internal.Host";

        Assert.Equal("", Written(host, LogLevel.Error, 11, "Hosting failed to start", new IOException("in use")));
        Assert.NotEqual("", Written(host, LogLevel.Error, 9, "BackgroundService failed", new IOException("disk")));
    }

    private static string Written(string category, LogLevel level, int eventId, string message, Exception? exception)
    {
        using var writer = new StringWriter { NewLine = "\n" };
        new LineConsoleFormatter().Write(new LogEntry<string>(level, category, eventId, message, exception, (state, _) => state), null, writer);
        return writer.ToString();
    }
}
