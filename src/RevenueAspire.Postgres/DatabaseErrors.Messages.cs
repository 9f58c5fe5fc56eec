using System.Net.Sockets;
using System.Security.Authentication;
using Npgsql;

namespace RevenueAspire.Postgres;

/// <content>What a person reads.</content>
public static partial class DatabaseErrors
{
    private const string Setting = "ConnectionStrings:revenuedb";

    /// <summary>One line that gives the cause and the setting to change. It never holds a password.</summary>
    public static string Describe(Exception exception)
    {
        var error = Unwrap(exception);
        return OneLine(error switch
        {
            PostgresException postgres => Describe(postgres),
            SessionSettingException or NpgsqlException { InnerException: null, IsTransient: true } => error.Message,
            NpgsqlException { InnerException: AggregateException { InnerExceptions: [var first, ..] } } => $"none of the database's hosts can be used; the first: {Describe(first)}",
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
            $"no schema of the search path exists ({error.MessageText}): create it, or correct Search Path in {Setting}, PGOPTIONS, or search_path of the role or the database",
        PostgresErrorCodes.InvalidParameterValue or PostgresErrorCodes.UndefinedObject when error.InvariantSeverity == "FATAL" =>
            $"the database refused a parameter of the connection ({error.MessageText}): correct Options, Search Path or Timezone in {Setting}, or PGOPTIONS",
        PostgresErrorCodes.TooManyConnections =>
            $"the database has no free connection ({error.MessageText}): raise max_connections, lower Maximum Pool Size in {Setting}, or start fewer processors",
        PostgresErrorCodes.CannotConnectNow => $"the database is not ready ({error.MessageText}): wait until it has started",
        PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.DatabaseDropped or IdleSessionTimeout =>
            $"the database closed the connection ({error.MessageText}): check that it runs",
        PostgresErrorCodes.LockNotAvailable => "another session holds a lock for too long: look at pg_stat_activity for an open transaction",
        PostgresErrorCodes.QueryCanceled => $"the statement was cancelled ({error.MessageText}): the database is overloaded, or statement_timeout is too short",
        PostgresErrorCodes.ReadOnlySqlTransaction =>
            $"the database is read-only: {Setting} must lead to the primary, and default_transaction_read_only must be off (ALTER DATABASE, ALTER ROLE, PGOPTIONS, Options)",
        PostgresErrorCodes.DiskFull => $"the database has no disk space left ({error.MessageText}): make room on its disk",
        PostgresErrorCodes.InsufficientPrivilege => $"the role lacks a right ({error.MessageText}): grant it, or use the owner of the tables",
        PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn =>
            $"a table or column is missing ({error.MessageText}): check Database and Search Path in {Setting}, and apply db.sql",
        PostgresErrorCodes.DuplicatePreparedStatement or PostgresErrorCodes.InvalidSqlStatementName =>
            $"a prepared statement was lost ({error.MessageText}): a pooler gives each transaction another session; this process goes on without named statements. "
            + $"Set No Reset On Close=true in {Setting}",
        PostgresErrorCodes.ProtocolViolation =>
            $"the server or the pooler before it refused ({error.MessageText}): see its log. A pooler that does not know a start parameter needs it in ignore_startup_parameters, "
            + $"or {Setting} without Options and Search Path, and no PGOPTIONS",
        PostgresErrorCodes.ObjectNotInPrerequisiteState when error.InvariantSeverity == "FATAL" =>
            $"the database takes no connections ({error.MessageText}): ALTER DATABASE ... ALLOW_CONNECTIONS true, or correct Database in {Setting}",
        PostgresErrorCodes.ObjectNotInPrerequisiteState =>
            $"the state of a table or of the server does not allow the write ({error.MessageText}): look at publications and replica identity of the table that it names",
        PostgresErrorCodes.RaiseException => $"a trigger or function in the database refused the write ({error.MessageText}): {Raiser(error)}",
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
        SocketError.TimedOut or SocketError.HostUnreachable or SocketError.NetworkUnreachable => $"the database's host cannot be reached: check the network, and Host in {Setting}",
        _ => $"the connection to the database broke ({error.Message}): check that it runs",
    };

    private static string OneLine(string message) => message.ReplaceLineEndings(" ");
}
