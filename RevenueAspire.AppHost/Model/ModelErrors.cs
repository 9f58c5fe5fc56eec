using RevenueAspire.LocalPostgres;

namespace RevenueAspire.AppHost.Model;

/// <summary>A setting of the AppHost that does not fit; the message is one line that says what and what to do.</summary>
internal sealed class ModelException(string message) : Exception(message);

/// <summary>What the AppHost says in one line, without a stack trace.</summary>
internal static class ModelErrors
{
    /// <summary>The line, or null for what is not a user's mistake.</summary>
    public static string? Describe(Exception exception) => exception is ModelException or LocalPostgresException ? exception.Message : null;
}
