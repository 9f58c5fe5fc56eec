using Npgsql;
using RevenueAspire.Postgres;

namespace RevenueAspire.EventLog.Postgres;

/// <summary>Classifies errors of Postgres and its driver.</summary>
internal static class PostgresLogErrors
{
    /// <summary>Whether the database or the connection caused the exception. Any other cause is a bug.</summary>
    public static bool IsOfDatabase(Exception exception) => exception is IOException || DatabaseErrors.IsOfDatabase(exception);

    /// <summary>Whether the failed statement certainly changed nothing. An error of severity ERROR rolls the transaction back; any other error leaves the
    /// commit in doubt.</summary>
    public static bool IsRefusal(Exception exception) =>
        exception is PostgresException { InvariantSeverity: "ERROR" } error
        && !error.SqlState.StartsWith("08", StringComparison.Ordinal)
        && error.SqlState is not (PostgresErrorCodes.StatementCompletionUnknown or PostgresErrorCodes.TransactionResolutionUnknown);

    /// <summary>Whether another process has written one of the keys.</summary>
    public static bool IsKnownKey(Exception exception) =>
        exception is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation, TableName: "event_log_key" };

    /// <summary>Describes an exception in one line for people, without the password.</summary>
    public static string Describe(Exception exception) => exception switch
    {
        EventLogException => exception.Message,
        _ when IsOfDatabase(exception) => DatabaseErrors.Describe(exception),
        OperationCanceledException => "the wait for the database was cancelled",
        _ => $"an internal error of this program ({exception.GetType().Name}); its stack trace is in the log of the process",
    };
}
