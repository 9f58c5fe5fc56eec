using Npgsql;
using RevenueAspire.Postgres;

namespace RevenueAspire.EventLog.Postgres;

/// <summary>Sorts what Postgres and its driver have to say about a log.</summary>
internal static class PostgresLogErrors
{
    /// <summary>Whether it comes from the database or the way to it; anything else is a bug.</summary>
    public static bool IsOfDatabase(Exception exception) => exception is IOException || DatabaseErrors.IsOfDatabase(exception);

    /// <summary>Whether a statement that failed so has certainly changed nothing, now and later. An error of severity ERROR ends the
    /// transaction; all else leaves the commit in doubt.</summary>
    public static bool IsRefusal(Exception exception) =>
        exception is PostgresException { InvariantSeverity: "ERROR" } error
        && !error.SqlState.StartsWith("08", StringComparison.Ordinal)
        && error.SqlState is not (PostgresErrorCodes.StatementCompletionUnknown or PostgresErrorCodes.TransactionResolutionUnknown);

    /// <summary>Whether another process has written one of the keys.</summary>
    public static bool IsKnownKey(Exception exception) =>
        exception is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation, TableName: "event_log_key" };

    /// <summary>One line for people; never the password.</summary>
    public static string Describe(Exception exception) => exception switch
    {
        EventLogException => exception.Message,
        _ when IsOfDatabase(exception) => DatabaseErrors.Describe(exception),
        OperationCanceledException => "the wait for the database was stopped",
        _ => $"an internal error of this program ({exception.GetType().Name}); its stack trace is in the log of the process",
    };
}
