using System.Net.Sockets;
using System.Security.Authentication;
using Npgsql;

namespace RevenueAspire.Postgres;

/// <summary>Classifies errors of Postgres and its driver (rule M12): one place for ledger, log and API. Stateless.</summary>
/// <remarks>A SQLSTATE is classified by its full code. A class of codes decides only where no code of it is listed.</remarks>
public static class DatabaseErrors
{
    /// <summary>The driver's text when several hosts are configured and none of them is a primary now. The driver has no type for it; a
    /// test compares it with the real driver.</summary>
    private const string NoSuitableHost = "No suitable host was found.";

    /// <summary>True when the same call may succeed later. False for an error of the data or of the schema, and for an exception
    /// that is not an error of the database.</summary>
    public static bool IsTransient(Exception exception) => Unwrap(exception) switch
    {
        PostgresException { SqlState: var state } => !IsPermanent(state),
        NpgsqlException => true,

        // Npgsql does not wrap these where it resolves a host name or waits for a connection.
        SocketException or TimeoutException => true,
        ObjectDisposedException disposed => IsOfBrokenConnection(disposed),
        _ => false,
    };

    /// <summary>True when an operator must change a setting before any connection works: no password, no TLS on one side, an untrusted certificate, a session
    /// default that this program refuses.</summary>
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

    /// <summary>Drops the pooled connections of a source after an error that a pooled connection would repeat: read-only, shut down, or
    /// a lost prepared statement. Thread-safe.</summary>
    /// <remarks>
    /// A session keeps <c>default_transaction_read_only</c> as it was at its start, and a connection to a former primary stays read-only. Only a new physical
    /// connection can work. A connection in use closes when it is returned. Any other error changes nothing.
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
        or PostgresErrorCodes.DuplicatePreparedStatement or PostgresErrorCodes.InvalidSqlStatementName
        or PostgresErrorCodes.DuplicateCursor or PostgresErrorCodes.InvalidCursorName;

    private const string IdleSessionTimeout = "57P05";

    /// <summary>Class of the codes with which the ledger's own schema refuses; the message says what to do.</summary>
    private const string RefusalClass = "RV";

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
            or "P0" // raise exception in a trigger that the user has added
            or RefusalClass,
    };

    /// <summary>Npgsql lets this out where a connection breaks between two statements: one of its wait handles is gone. A
    /// disposed data source names itself.</summary>
    private static bool IsOfBrokenConnection(ObjectDisposedException disposed) => disposed.ObjectName.StartsWith("System.Threading.", StringComparison.Ordinal);

    private static Exception Unwrap(Exception exception)
    {
        ArgumentNullException.ThrowIfNull(exception);
        return exception is AggregateException { InnerExceptions: [var only] } ? Unwrap(only) : exception;
    }

    private const string Setting = "ConnectionStrings:revenuedb";

    /// <summary>One line that gives the cause and the setting to change. It never holds a password.</summary>
    public static string Describe(Exception exception)
    {
        var error = Unwrap(exception);
        return OneLine(error switch
        {
            PostgresException postgres => Describe(postgres),
            SessionSettingException or NpgsqlException { InnerException: null, IsTransient: true } => error.Message,
            NpgsqlException { InnerException: AggregateException { InnerExceptions: [var first, ..] } } =>
                $"none of the database's hosts can be used; the first: {Describe(first)}",
            NpgsqlException { InnerException: null, Message: NoSuitableHost } =>
                "none of the database's hosts is a primary now: a failover is under way, or correct Host and Target Session Attributes in " + Setting,
            NpgsqlException { InnerException: SocketException socket } => Describe(socket),
            SocketException socket => Describe(socket),
            TimeoutException or NpgsqlException { InnerException: TimeoutException } =>
                "the database did not answer in time: check that it runs, that host and port are right, and that it is not overloaded",
            NpgsqlException { InnerException: null } => $"the database could not be used: {error.Message.TrimEnd('.')}: check Password / SSL Mode in {Setting}",
            NpgsqlException { InnerException: AuthenticationException refused } =>
                $"the database's certificate was refused ({refused.Message.TrimEnd('.')}): check SSL Mode and Root Certificate in {Setting}",
            NpgsqlException { InnerException: IOException broken } => $"the connection to the database broke ({broken.Message}): check that it runs",
            NpgsqlException => $"the database could not be used: {error.Message}",
            ObjectDisposedException disposed when IsOfBrokenConnection(disposed) => "the connection to the database broke: check that it runs",
            _ => error.Message,
        });
    }

    private static string Describe(PostgresException error) => error.SqlState switch
    {
        PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification =>
            $"the database refused the login ({error.MessageText}): check Username and Password in {Setting}",
        PostgresErrorCodes.InvalidCatalogName => $"there is no such database ({error.MessageText}): create it, or correct Database in {Setting}",
        PostgresErrorCodes.InvalidSchemaName =>
            $"no schema of the search path exists ({error.MessageText}): create it, or correct Search Path in {Setting}, PGOPTIONS, or search_path of the role "
            + "or the database",
        PostgresErrorCodes.InvalidParameterValue or PostgresErrorCodes.UndefinedObject when error.InvariantSeverity == "FATAL" =>
            $"the database refused a parameter of the connection ({error.MessageText}): correct Options, Search Path or Timezone in {Setting}, or PGOPTIONS",
        PostgresErrorCodes.TooManyConnections =>
            $"the database has no free connection ({error.MessageText}): raise max_connections, lower Maximum Pool Size in {Setting}, or start fewer "
            + "processors",
        PostgresErrorCodes.CannotConnectNow => $"the database is not ready ({error.MessageText}): wait until it has started",
        PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.DatabaseDropped or IdleSessionTimeout =>
            $"the database closed the connection ({error.MessageText}): check that it runs",
        PostgresErrorCodes.LockNotAvailable => "another session holds a lock for too long: look at pg_stat_activity for an open transaction",
        PostgresErrorCodes.QueryCanceled => $"the statement was cancelled ({error.MessageText}): the database is overloaded, or statement_timeout is too short",
        PostgresErrorCodes.ReadOnlySqlTransaction =>
            $"the database is read-only: {Setting} must lead to the primary, and default_transaction_read_only must be off (ALTER DATABASE, ALTER ROLE, "
            + "PGOPTIONS, Options)",
        PostgresErrorCodes.DiskFull => $"the database has no disk space left ({error.MessageText}): make room on its disk",
        PostgresErrorCodes.InsufficientPrivilege => $"the role lacks a right ({error.MessageText}): grant it, or use the owner of the tables",
        PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn =>
            $"a table or column is missing ({error.MessageText}): check Database and Search Path in {Setting}, and apply db.sql",
        PostgresErrorCodes.DuplicatePreparedStatement or PostgresErrorCodes.InvalidSqlStatementName =>
            $"a prepared statement was lost ({error.MessageText}): a pooler gives each transaction another session; this process goes on without named "
            + $"statements. Set No Reset On Close=true in {Setting}",
        PostgresErrorCodes.ProtocolViolation =>
            $"the server or the pooler before it refused ({error.MessageText}): see its log. A pooler that does not know a start parameter needs it in "
            + $"ignore_startup_parameters, or {Setting} without Options and Search Path, and no PGOPTIONS",
        PostgresErrorCodes.ObjectNotInPrerequisiteState when error.InvariantSeverity == "FATAL" =>
            $"the database takes no connections ({error.MessageText}): ALTER DATABASE ... ALLOW_CONNECTIONS true, or correct Database in {Setting}",
        PostgresErrorCodes.ObjectNotInPrerequisiteState =>
            $"the state of a table or of the server does not allow the write ({error.MessageText}): look at publications and replica identity of the table "
            + "that it names",
        PostgresErrorCodes.RaiseException => $"a trigger or function in the database refused the write ({error.MessageText}): {Raiser(error)}",
        _ when error.SqlState.StartsWith(RefusalClass, StringComparison.Ordinal) => error.MessageText,
        _ => $"the database answered with an error: {error.MessageText} (SQLSTATE {error.SqlState})",
    };

    /// <summary>Names the function: the first line of the context is the innermost.</summary>
    private static string Raiser(PostgresException error) => error.Where is { Length: > 0 } where
        ? $"correct or drop it: {where.Split('\n')[0]}"
        : "look for triggers on the tables of db.sql";

    private static string Describe(SocketException error) => error.SocketErrorCode switch
    {
        SocketError.ConnectionRefused => $"nothing answers at the database's host and port (connection refused): start Postgres, or correct {Setting}",
        SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain => $"the database's host name is not known: correct Host in {Setting}",
        SocketError.TimedOut or SocketError.HostUnreachable or SocketError.NetworkUnreachable =>
            $"the database's host cannot be reached: check the network, and Host in {Setting}",
        _ => $"the connection to the database broke ({error.Message}): check that it runs",
    };

    private static string OneLine(string message) => message.ReplaceLineEndings(" ");
}
