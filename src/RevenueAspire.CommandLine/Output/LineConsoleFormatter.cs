using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace RevenueAspire.CommandLine;

/// <summary>Writes one line per entry: <c>09:24:03.120Z info Api.Startup: listening</c>. UTC; an exception follows on separate lines.</summary>
internal sealed class LineConsoleFormatter() : ConsoleFormatter(FormatterName)
{
    public const string FormatterName = "line";

    private const string Prefix = "RevenueAspire.";

    /// <summary>The category of the host's own entries. Those about a failed start, and the second one about a failed background service, are dropped: <see
    /// cref="StartupErrors"/> reports the failure in one line.</summary>
    private const string HostCategory = "Microsoft.Extensions.Hosting.Internal.Host";
    private const int BackgroundServiceFaulted = 9;
    private const int BackgroundServiceStoppingHost = 10;
    private const int HostedServiceStartupFaulted = 11;

    private volatile bool _hasStartFailed;

    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        if (logEntry.Category == HostCategory && IsSaidByStartupErrors(logEntry.EventId.Id, logEntry.Exception))
        {
            return;
        }

        var category = logEntry.Category.StartsWith(Prefix, StringComparison.Ordinal) ? logEntry.Category[Prefix.Length..] : logEntry.Category;
        textWriter.Write(DateTimeOffset.UtcNow.ToString("HH:mm:ss.fff'Z '", CultureInfo.InvariantCulture));
        textWriter.Write(LevelName(logEntry.LogLevel));
        textWriter.Write(' ');
        textWriter.Write(category);
        textWriter.Write(": ");
        textWriter.WriteLine(OneLine(logEntry.Formatter(logEntry.State, logEntry.Exception)));
        if (logEntry.Exception is { } exception)
        {
            textWriter.WriteLine(exception.ToString());
        }
    }

    private bool IsSaidByStartupErrors(int eventId, Exception? exception)
    {
        _hasStartFailed |= eventId == HostedServiceStartupFaulted;
        return eventId is HostedServiceStartupFaulted or BackgroundServiceStoppingHost
            // Drop this too: a failed start cancels the services that are already running, and the host logs their cancellation as a failure.
            || (eventId == BackgroundServiceFaulted && _hasStartFailed && exception is OperationCanceledException);
    }

    private static string LevelName(LogLevel level) => level switch
    {
        LogLevel.Trace => "trce",
        LogLevel.Debug => "dbug",
        LogLevel.Information => "info",
        LogLevel.Warning => "warn",
        LogLevel.Error => "fail",
        _ => "crit",
    };

    private static string OneLine(string message) => Printable.Escape(message.AsSpan().IndexOfAny('\r', '\n') < 0 ? message : message.ReplaceLineEndings(" "));
}
