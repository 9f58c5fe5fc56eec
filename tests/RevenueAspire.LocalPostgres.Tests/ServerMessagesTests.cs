using RevenueAspire.LocalPostgres.Processes;

namespace RevenueAspire.LocalPostgres.Tests;

public sealed class ServerMessagesTests
{
    [Fact]
    public void Summarize_returns_the_errors_without_their_time_in_one_line()
    {
        string[] lines =
        [
            "2026-01-31 12:00:00.000 UTC [12] LOG:  starting PostgreSQL",
            "2026-01-31 12:00:00.001 UTC [12] FATAL:  lock file \"postmaster.pid\" already exists",
            "2026-01-31 12:00:00.001 UTC [12] HINT:  Is another postmaster running?",
            "",
        ];
        Assert.Equal("FATAL:  lock file \"postmaster.pid\" already exists; HINT:  Is another postmaster running?", ServerMessages.Summarize(lines));
    }

    [Fact]
    public void Summarize_without_errors_returns_the_last_lines() => Assert.Equal("b; c; d", ServerMessages.Summarize(["a", "b", "c", "d"]));

    [Fact]
    public void Summarize_without_output_reports_that() => Assert.Equal("it printed nothing", ServerMessages.Summarize([]));
}
