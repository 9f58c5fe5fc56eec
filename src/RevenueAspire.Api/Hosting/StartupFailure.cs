using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Hosting;

/// <summary>Describes the start failures that only the API can have.</summary>
internal static class StartupFailure
{
    /// <summary>One line with the cause and the remedy, or null for a bug.</summary>
    public static string? Describe(Exception exception) => exception switch
    {
        EventLogException or Ledger.LedgerException => exception.Message,
        // A value that does not fit its type. The message names the setting.
        InvalidOperationException { Source: "Microsoft.Extensions.Configuration.Binder" } => exception.Message,
        FormatException { Source: "Microsoft.AspNetCore.Http" } => $"urls: {exception.Message} Example: http://localhost:8000.",
        _ => null,
    };
}
