using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace RevenueAspire.CommandLine.Tests;

public sealed class LineConsoleTests
{
    private const string Host = "Microsoft.Extensions.Hosting.Internal.Host";

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
    public void Entries_of_the_host_about_a_failed_start_are_dropped()
    {
        Assert.Equal("", Written(Host, LogLevel.Error, 11, "Hosting failed to start", new IOException("in use")));
        Assert.NotEqual("", Written(Host, LogLevel.Error, 9, "BackgroundService failed", new IOException("disk")));

        // Without a failed start, a cancelled service means an unexpected timeout, so its entry stays.
        Assert.NotEqual("", Written(Host, LogLevel.Error, 9, "BackgroundService failed", new TaskCanceledException()));
    }

    [Fact]
    public async Task A_background_service_cancelled_by_a_failed_start_logs_no_stack_trace()
    {
        using var log = new FormattedLog();
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Logging.AddProvider(log);
        builder.Services.AddHostedService<Waiting>().AddHostedService<Refused>();
        var host = builder.Build();
        await Assert.ThrowsAsync<IOException>(() => host.StartAsync());
        host.Dispose();

        Assert.Equal("", await log.Cancelled.Task.WaitAsync(TimeSpan.FromSeconds(30)));
    }

    private static string Written(string category, LogLevel level, int eventId, string message, Exception? exception)
    {
        using var writer = new StringWriter { NewLine = "\n" };
        new LineConsoleFormatter().Write(new LogEntry<string>(level, category, eventId, message, exception, (state, _) => state), null, writer);
        return writer.ToString();
    }

    private sealed class Waiting : BackgroundService
    {
        protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.Delay(Timeout.Infinite, stoppingToken);
    }

    private sealed class Refused : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => throw new IOException("in use");

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    /// <summary>Formats the host's entries. Completes when the host has logged the cancelled service.</summary>
    private sealed class FormattedLog : ILoggerProvider, ILogger
    {
        private readonly LineConsoleFormatter _formatter = new();

        public TaskCompletionSource<string> Cancelled { get; } = new();

        public ILogger CreateLogger(string categoryName) => categoryName == Host ? this : NullLogger.Instance;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            using var writer = new StringWriter();
            _formatter.Write(new LogEntry<TState>(logLevel, Host, eventId, state, exception, formatter!), null, writer);
            if (exception is OperationCanceledException)
            {
                Cancelled.TrySetResult(writer.ToString());
            }
        }

        public void Dispose()
        {
        }
    }
}
