using Microsoft.Extensions.Logging;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.Support;

/// <summary>Collects a follower's log messages.</summary>
internal sealed class MessageLog : ILogger<ApplyServices>
{
    public System.Collections.Concurrent.ConcurrentQueue<string> Lines { get; } = new();

    public Task HasAsync(string text) => Eventually.IsTrueAsync(() => Task.FromResult(Lines.Any(line => line.Contains(text, StringComparison.Ordinal))));

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public System.Collections.Concurrent.ConcurrentQueue<Exception> Exceptions { get; } = new();

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        Lines.Enqueue(formatter(state, exception));
        if (exception is not null)
        {
            Exceptions.Enqueue(exception);
        }
    }
}
