using System.Net.Sockets;
using System.Security.Authentication;
using Npgsql;

namespace RevenueAspire.Ledger;

/// <summary>Sorts database errors (rule M12).</summary>
public static class LedgerErrors
{
    /// <summary>True for what a retry can heal: everything but SQLSTATE 22xxx, 23xxx and 42xxx (and errors that are no database errors at all).</summary>
    public static bool IsTransient(Exception exception) => Unwrap(exception) switch
    {
        // Bad data, a broken constraint, a missing table or right: the same again gives the same again.
        PostgresException { SqlState: var state } => !(state.StartsWith("22", StringComparison.Ordinal)
            || state.StartsWith("23", StringComparison.Ordinal) || state.StartsWith("42", StringComparison.Ordinal)),
        NpgsqlException => true,

        // Npgsql lets these out as they are where it resolves a host name or waits for a connection.
        SocketException or TimeoutException => true,
        ObjectDisposedException disposed => IsOfBrokenConnection(disposed),
        _ => false,
    };

    /// <summary>True for what a person must mend before any connection works: Npgsql itself refuses what the server asks for (no password is configured, no TLS on one side, a certificate that is not trusted).</summary>
    public static bool IsSettings(Exception exception) => Unwrap(exception) is NpgsqlException { InnerException: null or AuthenticationException } and not PostgresException;

    /// <summary>One line for people that says what and what to do: refused connection, wrong password, missing database...; never the password.</summary>
    public static string Describe(Exception exception)
    {
        var error = Unwrap(exception);
        return OneLine(error switch
        {
            LedgerException => error.Message,
            PostgresException postgres => Describe(postgres),
            NpgsqlException { InnerException: SocketException socket } => Describe(socket),
            SocketException socket => Describe(socket),
            TimeoutException or NpgsqlException { InnerException: TimeoutException } =>
                "the database did not answer in time: check that it runs, that host and port are right, and that it is not overloaded",
            NpgsqlException { InnerException: null } =>
                $"the database could not be used: {error.Message.TrimEnd('.')}: check Password / SSL Mode in ConnectionStrings:revenuedb",
            NpgsqlException { InnerException: AuthenticationException refused } =>
                $"the database's certificate was refused ({refused.Message.TrimEnd('.')}): check SSL Mode and Root Certificate in ConnectionStrings:revenuedb",
            NpgsqlException { InnerException: IOException broken } => $"the connection to the database broke ({broken.Message}): check that it runs",
            NpgsqlException => $"the database could not be used: {error.Message}",
            ObjectDisposedException disposed when IsOfBrokenConnection(disposed) => "the connection to the database broke: check that it runs",
            _ => error.Message,
        });
    }

    private static string Describe(PostgresException error) => error.SqlState switch
    {
        PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification =>
            $"the database refused the login ({error.MessageText}): check Username and Password in ConnectionStrings:revenuedb",
        PostgresErrorCodes.InvalidCatalogName =>
            $"there is no such database ({error.MessageText}): create it, or correct Database in ConnectionStrings:revenuedb",
        PostgresErrorCodes.TooManyConnections =>
            $"the database has no free connection ({error.MessageText}): raise max_connections, or start fewer processors",
        PostgresErrorCodes.CannotConnectNow => $"the database is not ready ({error.MessageText}): wait until it has started",
        PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown =>
            $"the database closed the connection ({error.MessageText}): check that it runs",
        PostgresErrorCodes.LockNotAvailable => "another session holds a lock for too long: look at pg_stat_activity for an open transaction",
        PostgresErrorCodes.QueryCanceled => $"the statement was cancelled ({error.MessageText}): the database is overloaded, or statement_timeout is too short",
        PostgresErrorCodes.ReadOnlySqlTransaction => "the database is read-only: connect to the primary server, not to a standby",
        PostgresErrorCodes.DiskFull => $"the database has no disk space left ({error.MessageText}): make room on its disk",
        PostgresErrorCodes.InsufficientPrivilege => $"the role lacks a right ({error.MessageText}): grant it, or use the owner of the tables",
        PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn =>
            $"the ledger's tables are not as they should be ({error.MessageText}): apply db.sql, or start over with an empty database",
        _ => $"the database answered with an error: {error.MessageText} (SQLSTATE {error.SqlState})",
    };

    private static string Describe(SocketException error) => error.SocketErrorCode switch
    {
        SocketError.ConnectionRefused => "nothing answers at the database's host and port (connection refused): start Postgres, or correct ConnectionStrings:revenuedb",
        SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain =>
            "the database's host name is not known: correct Host in ConnectionStrings:revenuedb",
        SocketError.TimedOut or SocketError.HostUnreachable or SocketError.NetworkUnreachable =>
            "the database's host cannot be reached: check the network, and Host in ConnectionStrings:revenuedb",
        _ => $"the connection to the database broke ({error.Message}): check that it runs",
    };

    /// <summary>Npgsql lets this out where a connection breaks between two statements: a wait handle of its own is gone. A data source that was disposed of names itself.</summary>
    private static bool IsOfBrokenConnection(ObjectDisposedException disposed) => disposed.ObjectName.StartsWith("System.Threading.", StringComparison.Ordinal);

    private static Exception Unwrap(Exception exception)
    {
        ArgumentNullException.ThrowIfNull(exception);
        return exception is AggregateException { InnerExceptions: [var only] } ? Unwrap(only) : exception;
    }

    private static string OneLine(string message) => message.ReplaceLineEndings(" ");
}
