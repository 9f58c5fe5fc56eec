using System.Net.Sockets;
using System.Security.Authentication;
using Npgsql;

namespace RevenueAspire.Postgres;

/// <summary>Classifies errors of Postgres and its driver (rule M12): one place for ledger, log and API. Stateless.</summary>
/// <remarks>A SQLSTATE is classified by its full code. A class of codes decides only where no code of it is listed.</remarks>
public static partial class DatabaseErrors
{
    /// <summary>The driver's text when several hosts are configured and none of them is a primary now. The driver has no type for it; a test compares it with the real driver.</summary>
    private const string NoSuitableHost = "No suitable host was found.";

    /// <summary>True when the same call may succeed later. False for an error of the data or of the schema, and for an exception that is not an error of the database.</summary>
    public static bool IsTransient(Exception exception) => Unwrap(exception) switch
    {
        PostgresException { SqlState: var state } => !IsPermanent(state),
        NpgsqlException => true,

        // Npgsql does not wrap these where it resolves a host name or waits for a connection.
        SocketException or TimeoutException => true,
        ObjectDisposedException disposed => IsOfBrokenConnection(disposed),
        _ => false,
    };

    /// <summary>True when an operator must change a setting before any connection works: no password, no TLS on one side, an untrusted certificate, a session default that this program refuses.</summary>
    public static bool IsSettings(Exception exception) => Unwrap(exception) switch
    {
        PostgresException { SqlState: PostgresErrorCodes.InvalidSchemaName } => true,

        // The server refuses a parameter of the connection's start: Options, Search Path, Timezone.
        PostgresException { InvariantSeverity: "FATAL", SqlState: PostgresErrorCodes.InvalidParameterValue or PostgresErrorCodes.UndefinedObject } => true,
        PostgresException => false,
        NpgsqlException { InnerException: AggregateException hosts } => hosts.InnerExceptions.All(IsSettings),
        NpgsqlException { InnerException: null, Message: NoSuitableHost } or NpgsqlException { IsTransient: true } => false,
        NpgsqlException { InnerException: null or AuthenticationException } => true,
        _ => false,
    };

    /// <summary>True when the server refuses this login or has no such database: a command reports it at once, a service asks again.</summary>
    public static bool IsRefusedLogin(Exception exception) => Unwrap(exception) is PostgresException
    {
        SqlState: PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification or PostgresErrorCodes.InvalidCatalogName,
    };

    /// <summary>True for an error of the database or of the way to it. Any other exception is a bug of this program, or an error of a file.</summary>
    public static bool IsOfDatabase(Exception exception) => Unwrap(exception) switch
    {
        NpgsqlException or SocketException or TimeoutException => true,
        ObjectDisposedException disposed => IsOfBrokenConnection(disposed),
        _ => false,
    };

    /// <summary>Drops the pooled connections of a source after an error that a pooled connection would repeat: read-only, shut down, or a lost prepared statement. Thread-safe.</summary>
    /// <remarks>
    /// A session keeps <c>default_transaction_read_only</c> as it was at its start, and a connection to a former primary stays read-only. Only a new physical connection can work.
    /// A connection in use closes when it is returned. Any other error changes nothing.
    /// </remarks>
    /// <param name="database">Where the failed call ran.</param>
    /// <param name="exception">How it failed.</param>
    public static void DropConnections(NpgsqlDataSource database, Exception exception)
    {
        ArgumentNullException.ThrowIfNull(database);
        if (Unwrap(exception) is not PostgresException { SqlState: var state })
        {
            return;
        }

        if (state is PostgresErrorCodes.DuplicatePreparedStatement or PostgresErrorCodes.InvalidSqlStatementName)
        {
            NamedStatements.Disable();
        }

        if (IsOfSession(state))
        {
            database.Clear();
        }
    }

    /// <summary>The error concerns the session that the connection holds, not the data: another session may do the same work.</summary>
    private static bool IsOfSession(string state) => state is
        PostgresErrorCodes.ReadOnlySqlTransaction or PostgresErrorCodes.InFailedSqlTransaction
        or PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.CannotConnectNow or PostgresErrorCodes.DatabaseDropped
        or IdleSessionTimeout
        or PostgresErrorCodes.DuplicatePreparedStatement or PostgresErrorCodes.InvalidSqlStatementName or PostgresErrorCodes.DuplicateCursor or PostgresErrorCodes.InvalidCursorName;

    private const string IdleSessionTimeout = "57P05";

    /// <summary>The same statement on the same data fails again until an operator changes data, schema, a right or a trigger.</summary>
    private static bool IsPermanent(string state) => !IsOfSession(state) && state switch
    {
        PostgresErrorCodes.FeatureNotSupported or PostgresErrorCodes.InvalidSchemaName => true,
        _ => state[..2] is
            "21" // cardinality
            or "22" // data
            or "23" // a constraint
            or "27" // data that a trigger has changed
            or "38" or "39" // a function that the user has added
            or "42" // syntax, a missing table or column, a missing right
            or "44" // the check option of a view
            or "P0", // raise exception in a trigger that the user has added
    };

    /// <summary>Npgsql lets this out where a connection breaks between two statements: one of its wait handles is gone. A disposed data source names itself.</summary>
    private static bool IsOfBrokenConnection(ObjectDisposedException disposed) => disposed.ObjectName.StartsWith("System.Threading.", StringComparison.Ordinal);

    private static Exception Unwrap(Exception exception)
    {
        ArgumentNullException.ThrowIfNull(exception);
        return exception is AggregateException { InnerExceptions: [var only] } ? Unwrap(only) : exception;
    }
}
