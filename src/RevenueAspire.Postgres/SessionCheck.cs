using Npgsql;

namespace RevenueAspire.Postgres;

/// <summary>Checks each new physical connection before its first use, because the environment, the role, the database or the server may have changed its
/// settings. One round trip. Thread-safe.</summary>
/// <remarks>Pass <see cref="Run"/> and <see cref="RunAsync"/> to a data source as its initializers.</remarks>
public sealed class SessionCheck
{
    private const string Query =
        """
        select pg_backend_pid(), current_schema() is not null, current_setting('search_path'),
          current_setting('default_transaction_isolation'), current_setting('default_transaction_read_only')
        """;

    private const string Source = "select source from pg_settings where name = $1";

    private readonly bool _isPooler;

    /// <summary>Changes the settings of a data source before it is built, so that its connections are not reset between two uses.</summary>
    /// <param name="settings">No Reset On Close=true, set by the user, means that there is a pooler.</param>
    /// <remarks>
    /// A reset is unnecessary, because no part leaves state in a session. It is also harmful with a pooler: the driver sends the reset together with the next
    /// statement. After the reset, a pooler may give the session to another client, and cut a statement that is longer than its buffer in two.
    /// </remarks>
    public SessionCheck(NpgsqlConnectionStringBuilder settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        _isPooler = settings.NoResetOnClose;
        settings.NoResetOnClose = true;
    }

    /// <summary>Rejects a session that would write or read wrong data, and records a pooler.</summary>
    /// <exception cref="SessionSettingException">The message names the setting.</exception>
    public void Run(NpgsqlConnection connection)
    {
        CheckReported(connection);
        using var query = new NpgsqlCommand(Query, connection);
        Settings settings;
        using (var row = query.ExecuteReader())
        {
            row.Read();
            settings = Read(row);
        }

        if (Check(connection, settings))
        {
            using var source = SourceOf(connection);
            CheckReadOnly(source.ExecuteScalar() as string);
        }
    }

    /// <inheritdoc cref="Run"/>
    public async Task RunAsync(NpgsqlConnection connection)
    {
        CheckReported(connection);
        await using var query = new NpgsqlCommand(Query, connection);
        Settings settings;
        await using (var row = await query.ExecuteReaderAsync().ConfigureAwait(false))
        {
            await row.ReadAsync().ConfigureAwait(false);
            settings = Read(row);
        }

        if (Check(connection, settings))
        {
            await using var source = SourceOf(connection);
            CheckReadOnly(await source.ExecuteScalarAsync().ConfigureAwait(false) as string);
        }
    }

    private readonly record struct Settings(int ProcessId, bool HasSchema, string SearchPath, string Isolation, bool IsReadOnly);

    private static Settings Read(NpgsqlDataReader row) => new(row.GetInt32(0), row.GetBoolean(1), row.GetString(2), row.GetString(3), row.GetString(4) == "on");

    /// <summary>Checks the settings that the server reports at the start of a session.</summary>
    private static void CheckReported(NpgsqlConnection connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        Require(connection, "client_encoding", "UTF8");

        // If this is off, a backslash in a literal is an escape character, so '\x00' is another value.
        Require(connection, "standard_conforming_strings", "on");
    }

    private static void Require(NpgsqlConnection connection, string name, string value)
    {
        if (connection.PostgresParameters.TryGetValue(name, out var actual) && actual != value)
        {
            throw Refusal(name, actual, value);
        }
    }

    /// <summary>Returns whether the session is read-only; the caller then queries the cause.</summary>
    private bool Check(NpgsqlConnection connection, Settings settings)
    {
        if (_isPooler || settings.ProcessId != connection.ProcessID)
        {
            NamedStatements.AddPooler(connection);
        }

        if (!settings.HasSchema)
        {
            throw new SessionSettingException(
                $"no schema of the search path exists, or the role may not use it (search_path is {settings.SearchPath}): create it, or correct "
                + $"{Places("Search Path", "search_path")}");
        }

        // Compare-and-set and the advisory lock for files require read committed: each statement must see everything that was committed before it.
        return settings.Isolation == "read committed"
            ? settings.IsReadOnly : throw Refusal("default_transaction_isolation", settings.Isolation, "read committed");
    }

    private static NpgsqlCommand SourceOf(NpgsqlConnection connection) =>
        new(Source, connection) { Parameters = { new() { Value = "default_transaction_read_only" } } };

    /// <summary>Refuses read-only sessions that this process requests, because they would last as long as the process. Accepts read-only sessions that an
    /// operator set for a database or a role, because the operator will end them.</summary>
    private static void CheckReadOnly(string? source)
    {
        if (source == "client")
        {
            throw new SessionSettingException(
                "this process requests read-only sessions (default_transaction_read_only is on): correct PGOPTIONS, or Options in ConnectionStrings:revenuedb");
        }
    }

    private static SessionSettingException Refusal(string name, string actual, string required) =>
        new($"the session's {name} is {actual}, but must be {required}: correct {Places("Options", name)}");

    private static string Places(string keyword, string name) =>
        $"{keyword} in ConnectionStrings:revenuedb, PGOPTIONS, or {name} of the role, the database or the server";
}

/// <summary>A new session has a setting that would make this program write or read wrong data. The message is one line that names the setting and its
/// place.</summary>
public sealed class SessionSettingException(string message) : NpgsqlException(message);
