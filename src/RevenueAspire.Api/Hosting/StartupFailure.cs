using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Hosting;

/// <summary>Knows the API's own ways to fail at start.</summary>
internal static class StartupFailure
{
    /// <summary>One line that says what is wrong and what to do, or null for a bug.</summary>
    public static string? Describe(Exception exception) => exception switch
    {
        EventLogException or Ledger.LedgerException => exception.Message,
        // Text of a value that does not fit its type; it names the setting.
        InvalidOperationException { Source: "Microsoft.Extensions.Configuration.Binder" } => exception.Message,
        FormatException { Source: "Microsoft.AspNetCore.Http" } => $"urls: {exception.Message} Write it like http://localhost:8000.",
        _ => null,
    };
}
