using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.Applying;

/// <summary>Rule M12: the errors that are retried, for how long, and the errors that are not.</summary>
public sealed class DatabaseRetryTests
{
    private static readonly PostgresException Deadlock = new("deadlock detected", "ERROR", "ERROR", "40P01");
    private static readonly PostgresException NoTable = new("no such table", "ERROR", "ERROR", "42P01");

    [Fact]
    public async Task A_successful_call_is_made_once()
    {
        var calls = 0;
        Assert.Equal(7, await Retry(TimeSpan.FromSeconds(30)).RunAsync(_ => Task.FromResult(6 + ++calls), CancellationToken.None));
        Assert.Equal(1, calls);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task A_call_is_retried_after_transient_errors_until_it_succeeds(int failures)
    {
        var calls = 0;
        var answer = await Retry(TimeSpan.FromSeconds(30)).RunAsync(
            _ => ++calls <= failures ? throw Deadlock : Task.FromResult("done"), CancellationToken.None);
        Assert.Equal(("done", failures + 1), (answer, calls));
    }

    [Fact]
    public async Task A_call_without_a_result_is_retried_too()
    {
        var calls = 0;
        await Retry(TimeSpan.FromSeconds(30)).RunAsync(_ => ++calls <= 2 ? Task.FromException(Deadlock) : Task.CompletedTask, CancellationToken.None);
        Assert.Equal(3, calls);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task A_permanent_error_is_thrown_at_once_even_after_transient_ones(int transient)
    {
        var calls = 0;
        var thrown = await Assert.ThrowsAsync<PostgresException>(
            () => Retry(TimeSpan.FromSeconds(30)).RunAsync<int>(_ => throw (++calls <= transient ? Deadlock : NoTable), CancellationToken.None));
        Assert.Equal(("42P01", transient + 1), (thrown.SqlState, calls));
    }

    [Fact]
    public async Task The_limit_counts_from_the_first_attempt()
    {
        var clock = new ManualClock();
        var calls = 0;
        var thrown = await Assert.ThrowsAsync<PostgresException>(() => Retry(TimeSpan.FromSeconds(30), clock).RunAsync<int>(
            _ =>
            {
                // The first attempt exceeds the limit, so there is no second one.
                calls++;
                clock.Now += TimeSpan.FromSeconds(31);
                throw Deadlock;
            },
            CancellationToken.None));
        Assert.Equal(("40P01", 1), (thrown.SqlState, calls));
    }

    [Fact]
    public async Task A_cancelled_call_is_not_made()
    {
        using var stop = new CancellationTokenSource();
        var calls = 0;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Retry(null).RunAsync<int>(
            _ =>
            {
                calls++;
                stop.Cancel();
                throw Deadlock;
            },
            stop.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Retry(null).RunAsync(_ => Task.FromResult(++calls), stop.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Retry(null).RunAsync(_ => Task.FromResult(++calls) as Task, stop.Token));
        Assert.Equal(1, calls);
    }

    [Fact]
    public async Task The_fifth_failure_in_a_row_logs_a_warning()
    {
        var log = new Levels();
        var calls = 0;
        await new DatabaseRetry(null, TimeProvider.System, log).RunAsync(_ => ++calls <= 5 ? throw Deadlock : Task.FromResult(0), CancellationToken.None);
        Assert.Equal([LogLevel.Debug, LogLevel.Debug, LogLevel.Debug, LogLevel.Debug, LogLevel.Warning], log.Seen);
    }

    private static DatabaseRetry Retry(TimeSpan? limit, TimeProvider? time = null) =>
        new(limit, time ?? TimeProvider.System, NullLogger<DatabaseRetry>.Instance);

    private sealed class Levels : ILogger<DatabaseRetry>
    {
        public List<LogLevel> Seen { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Seen.Add(logLevel);
    }
}
