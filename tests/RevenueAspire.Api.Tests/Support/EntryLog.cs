using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace RevenueAspire.Api.Tests.Support;

/// <summary>Collects log entries with their named fields.</summary>
internal sealed class EntryLog : ILoggerProvider
{
    public sealed record Entry(string Category, LogLevel Level, int Id, string Text, IReadOnlyDictionary<string, object?> Fields);

    public ConcurrentQueue<Entry> Entries { get; } = new();

    public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName);

    public void Dispose()
    {
    }

    private sealed class Logger(EntryLog log, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            log.Entries.Enqueue(new Entry(category, logLevel, eventId.Id, formatter(state, exception),
                new Dictionary<string, object?>((state as IEnumerable<KeyValuePair<string, object?>>) ?? [])));
    }
}
