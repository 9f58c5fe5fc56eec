using System.Net.Sockets;
using System.Security.Authentication;
using Npgsql;

namespace RevenueAspire.Postgres;

/// <summary>Classifies errors of Postgres and its driver (rule M12), in one place for ledger, log and API. Stateless.</summary>
/// <remarks>A SQLSTATE is classified by its full code. The class of a code decides only if the code is not listed.</remarks>
public static class DatabaseErrors
{
    /// <summary>The driver's message if several hosts are configured and none of them is currently a primary. The driver has no exception type for this error,
    /// so a test compares the text with the real driver.</summary>
    private const string NoSuitableHost = "No suitable host was found.";

    /// <summary>Whether the same call may succeed later. False for an error of the data or the schema, and for any exception that is not a database
    /// error.</summary>
    public static bool IsTransient(Exception exception) => Unwrap(exception) switch
    {
        PostgresException { SqlState: var state } => !IsPermanent(state),
        NpgsqlException => true,

        // Npgsql does not wrap these while it resolves a host name or waits for a connection.
        SocketException or TimeoutException => true,
        ObjectDisposedException disposed => IsOfBrokenConnection(disposed),
        _ => false,
    };

    /// <summary>Whether no connection can work until an operator changes a setting: a missing password, TLS on one side only, an untrusted certificate, or a
    /// session default that this program refuses.</summary>
    public static bool IsSettings(Exception exception) => Unwrap(exception) switch
    {
        PostgresException { SqlState: PostgresErrorCodes.InvalidSchemaName } => true,

        // The server rejects a startup parameter of the connection: Options, Search Path, Timezone.
        PostgresException { InvariantSeverity: "FATAL", SqlState: PostgresErrorCodes.InvalidParameterValue or PostgresErrorCodes.UndefinedObject } => true,
        PostgresException => false,
        NpgsqlException { InnerException: AggregateException hosts } => hosts.InnerExceptions.All(IsSettings),
        NpgsqlException { InnerException: null, Message: NoSuitableHost } or NpgsqlException { IsTransient: true } => false,
        NpgsqlException { InnerException: null or AuthenticationException } => true,
        _ => false,
    };

    /// <summary>Whether the server refuses this login or has no such database. A command reports it at once; a service retries.</summary>
    public static bool IsRefusedLogin(Exception exception) => Unwrap(exception) is PostgresException
    {
        SqlState: PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification or PostgresErrorCodes.InvalidCatalogName,
    };

    /// <summary>Whether this is an error of the database or of the connection to it. Any other exception is a bug in this program, or a file error.</summary>
    public static bool IsOfDatabase(Exception exception) => Unwrap(exception) switch
    {
        NpgsqlException or SocketException or TimeoutException => true,
        ObjectDisposedException disposed => IsOfBrokenConnection(disposed),
        _ => false,
    };

    /// <summary>Drops the pooled connections of a data source after an error that a pooled connection would repeat: a read-only session, a shutdown, or a lost
    /// prepared statement. Does nothing after any other error. Thread-safe.</summary>
    /// <remarks>
    /// A session keeps the <c>default_transaction_read_only</c> of its start, and a connection to a former primary stays read-only. Only a new physical
    /// connection can work. A connection in use closes when its user returns it to the pool.
    /// </remarks>
    /// <param name="database">The source of the failed call.</param>
    /// <param name="exception">The error.</param>
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

    /// <summary>Whether the error concerns the connection's session, not the data: another session may succeed with the same work.</summary>
    private static bool IsOfSession(string state) => state is
        PostgresErrorCodes.ReadOnlySqlTransaction or PostgresErrorCodes.InFailedSqlTransaction
        or PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.CannotConnectNow or PostgresErrorCodes.DatabaseDropped
        or IdleSessionTimeout
        or PostgresErrorCodes.DuplicatePreparedStatement or PostgresErrorCodes.InvalidSqlStatementName
        or PostgresErrorCodes.DuplicateCursor or PostgresErrorCodes.InvalidCursorName;

    private const string IdleSessionTimeout = "57P05";

    /// <summary>Class of the codes that the ledger's schema raises. Their messages name the repair.</summary>
    private const string RefusalClass = "RV";

    /// <summary>Whether the same statement on the same data fails again until an operator changes the data, the schema, a privilege or a trigger.</summary>
    private static bool IsPermanent(string state) => !IsOfSession(state) && state switch
    {
        PostgresErrorCodes.FeatureNotSupported or PostgresErrorCodes.InvalidSchemaName => true,
        _ => state[..2] is
            "21" // cardinality
            or "22" // data
            or "23" // a constraint
            or "27" // data changed by a trigger
            or "38" or "39" // a function added by the user
            or "42" // syntax, a missing table or column, a missing privilege
            or "44" // the check option of a view
            or "P0" // an exception raised by a trigger of the user
            or RefusalClass,
    };

    /// <summary>Npgsql throws this if a connection breaks between two statements, because it has disposed one of its wait handles. The exception of a disposed
    /// data source contains the source's name instead.</summary>
    private static bool IsOfBrokenConnection(ObjectDisposedException disposed) => disposed.ObjectName.StartsWith("System.Threading.", StringComparison.Ordinal);

    private static Exception Unwrap(Exception exception)
    {
        ArgumentNullException.ThrowIfNull(exception);
        return exception is AggregateException { InnerExceptions: [var only] } ? Unwrap(only) : exception;
    }

    private const string Setting = "ConnectionStrings:revenuedb";

    /// <summary>Returns one line with the cause and the setting to change. It never contains a password.</summary>
    public static string Describe(Exception exception)
    {
        var error = Unwrap(exception);
        return OneLine(error switch
        {
            PostgresException postgres => Describe(postgres),
            SessionSettingException or NpgsqlException { InnerException: null, IsTransient: true } => error.Message,
            NpgsqlException { InnerException: AggregateException { InnerExceptions: [var first, ..] } } =>
                $"none of the database's hosts is usable; error of the first host: {Describe(first)}",
            NpgsqlException { InnerException: null, Message: NoSuitableHost } =>
                "none of the database's hosts is a primary now: a failover is under way, or correct Host and Target Session Attributes in " + Setting,
            NpgsqlException { InnerException: SocketException socket } => Describe(socket),
            SocketException socket => Describe(socket),
            TimeoutException or NpgsqlException { InnerException: TimeoutException } =>
                "the database did not answer in time: check that it is running, that host and port are correct, and that it is not overloaded",
            NpgsqlException { InnerException: null } => $"cannot use the database: {error.Message.TrimEnd('.')}: check Password and SSL Mode in {Setting}",
            NpgsqlException { InnerException: AuthenticationException refused } =>
                $"the database's certificate was refused ({refused.Message.TrimEnd('.')}): check SSL Mode and Root Certificate in {Setting}",
            NpgsqlException { InnerException: IOException broken } => $"the connection to the database broke ({broken.Message}): check that it is running",
            NpgsqlException => $"cannot use the database: {error.Message}",
            ObjectDisposedException disposed when IsOfBrokenConnection(disposed) => "the connection to the database broke: check that it is running",
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
            $"the database closed the connection ({error.MessageText}): check that it is running",
        PostgresErrorCodes.LockNotAvailable => "another session has held a lock for too long: check pg_stat_activity for an open transaction",
        PostgresErrorCodes.QueryCanceled => $"the statement was cancelled ({error.MessageText}): the database is overloaded, or statement_timeout is too short",
        PostgresErrorCodes.ReadOnlySqlTransaction =>
            $"the database is read-only: {Setting} must point to the primary, and default_transaction_read_only must be off (ALTER DATABASE, ALTER ROLE, "
            + "PGOPTIONS, Options)",
        PostgresErrorCodes.DiskFull => $"the database has no disk space left ({error.MessageText}): free space on its disk",
        PostgresErrorCodes.InsufficientPrivilege => $"the role lacks a privilege ({error.MessageText}): grant it, or connect as the owner of the tables",
        PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn =>
            $"a table or column is missing ({error.MessageText}): check Database and Search Path in {Setting}, and apply db.sql",
        PostgresErrorCodes.DuplicatePreparedStatement or PostgresErrorCodes.InvalidSqlStatementName =>
            $"a prepared statement was lost ({error.MessageText}), because a pooler gives each transaction another session. This process continues without "
            + $"named statements. Set No Reset On Close=true in {Setting}",
        PostgresErrorCodes.ProtocolViolation =>
            $"the server or a pooler reported a protocol error ({error.MessageText}): see its log. If a pooler does not support a startup parameter, add it to "
            + $"ignore_startup_parameters, or remove Options and Search Path from {Setting} and unset PGOPTIONS",
        PostgresErrorCodes.ObjectNotInPrerequisiteState when error.InvariantSeverity == "FATAL" =>
            $"the database does not accept connections ({error.MessageText}): ALTER DATABASE ... ALLOW_CONNECTIONS true, or correct Database in {Setting}",
        PostgresErrorCodes.ObjectNotInPrerequisiteState =>
            $"the state of a table or of the server does not allow the write ({error.MessageText}): check the publications and the replica identity of the "
            + "named table",
        PostgresErrorCodes.RaiseException => $"a trigger or function in the database refused the write ({error.MessageText}): {Raiser(error)}",
        _ when error.SqlState.StartsWith(RefusalClass, StringComparison.Ordinal) => error.MessageText,
        _ => $"the database returned an error: {error.MessageText} (SQLSTATE {error.SqlState})",
    };

    /// <summary>Names the function that raised the error. The first line of the context is the innermost function.</summary>
    private static string Raiser(PostgresException error) => error.Where is { Length: > 0 } where
        ? $"correct or drop it: {where.Split('\n')[0]}"
        : "check the triggers on the tables of db.sql";

    private static string Describe(SocketException error) => error.SocketErrorCode switch
    {
        SocketError.ConnectionRefused => $"no server listens on the database's host and port (connection refused): start Postgres, or correct {Setting}",
        SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain => $"the database's host name cannot be resolved: correct Host in {Setting}",
        SocketError.TimedOut or SocketError.HostUnreachable or SocketError.NetworkUnreachable =>
            $"the database's host is unreachable: check the network, and Host in {Setting}",
        _ => $"the connection to the database broke ({error.Message}): check that it is running",
    };

    private static string OneLine(string message) => message.ReplaceLineEndings(" ");
}
