using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace RevenueAspire.EventLog.Tests;

/// <summary>Collects the log messages of a writer.</summary>
internal sealed class Lines : ILoggerFactory, ILogger
{
    private readonly ConcurrentQueue<(LogLevel Level, string Text)> _lines = new();

    public List<string> Since(LogLevel level) => [.. _lines.Where(line => line.Level >= level).Select(line => line.Text)];

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public void Dispose()
    {
    }

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _lines.Enqueue((logLevel, formatter(state, exception) + (exception is null ? "" : "\n" + exception)));
}
