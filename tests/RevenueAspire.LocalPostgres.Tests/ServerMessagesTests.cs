using RevenueAspire.LocalPostgres.Processes;

namespace RevenueAspire.LocalPostgres.Tests;

public sealed class ServerMessagesTests
{
    [Fact]
    public void Summary_is_the_errors_without_their_time_in_one_line()
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
    public void Summary_without_errors_is_the_last_lines() => Assert.Equal("b; c; d", ServerMessages.Summarize(["a", "b", "c", "d"]));

    [Fact]
    public void Summary_of_nothing_says_so() => Assert.Equal("it said nothing", ServerMessages.Summarize([]));
}
