using Microsoft.Extensions.Logging;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Processor.CommandLine;

/// <summary>Writes the warnings of a command to standard error, one line each. Standard output is reserved for the result. Thread-safe.</summary>
internal sealed class CommandLogger<T> : ILogger<T>
{
    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel is >= LogLevel.Warning and < LogLevel.None;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (!IsEnabled(logLevel))
        {
            return;
        }

        var level = logLevel switch { LogLevel.Warning => "warn", LogLevel.Error => "fail", _ => "crit" };
        Console.Error.WriteLine(FormattableString.Invariant(
            $"{level}: {typeof(T).FullName}[{eventId.Id}] {Printable.Escape(formatter(state, exception))}{(exception is null ? "" : $" {exception}")}"));
    }
}
