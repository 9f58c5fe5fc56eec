using System.Data.Common;
using Npgsql;

namespace RevenueAspire.Postgres;

/// <summary>Checks a connection string before its first use, and sets every value that this program relies on. Stateless.</summary>
/// <remarks>The driver's messages about a connection string are not passed on, because they may contain the password. Messages name keywords, never
/// values.</remarks>
public static class ConnectionStringRules
{
    private const string Form = "Write it like Host=localhost;Username=postgres;Password=...;Database=revenuedb.";

    private const int LeastBufferBytes = 4096;

    private static readonly string[] Utf8 = ["UTF8", "UTF-8", "unicode"];

    /// <summary>
    /// Adds defaults for keywords that the user has not set. The pool has 24 connections, so that three services fit into Postgres' default of 100. A
    /// keepalive detects a dead peer within a minute. Kerberos encryption is off. With several hosts, the driver uses only a primary, and checks the hosts
    /// every second. This method always sets the encoding and the prepared statements, regardless of the environment.
    /// </summary>
    /// <param name="setting">Name of the setting, for messages.</param>
    /// <param name="connectionString">The connection string as the user wrote it.</param>
    /// <param name="applicationName">Shown in pg_stat_activity unless the connection string sets it.</param>
    /// <param name="leastConnections">Minimum pool size that the program needs.</param>
    /// <exception cref="FormatException">The connection string cannot work. The message is one line that names the keyword.</exception>
    public static string Complete(string setting, string connectionString, string applicationName, int leastConnections)
    {
        var builder = Parse(setting, connectionString);
        Refuse(setting, builder, leastConnections);
        if (!builder.ShouldSerialize("Maximum Pool Size"))
        {
            builder.MaxPoolSize = Math.Max(24, builder.MinPoolSize);
        }

        if (!builder.ShouldSerialize("Application Name"))
        {
            builder.ApplicationName = applicationName;
        }

        if (!builder.ShouldSerialize("Keepalive"))
        {
            builder.KeepAlive = 30;
        }

        if (!builder.ShouldSerialize("GSS Encryption Mode"))
        {
            // Npgsql would try Kerberos first on every new connection, and fail: .NET container images lack its library.
            builder.GssEncryptionMode = GssEncryptionMode.Disable;
        }

        if (builder.Host!.Contains(','))
        {
            if (!builder.ShouldSerialize("Target Session Attributes"))
            {
                builder.TargetSessionAttributes = "primary";
            }

            if (!builder.ShouldSerialize("Host Recheck Seconds"))
            {
                builder.HostRecheckSeconds = 1;
            }
        }

        // PGCLIENTENCODING would make the server interpret the same bytes as other characters.
        builder.ClientEncoding = "UTF8";

        // This program prepares its statements explicitly, and only without a pooler.
        builder.MaxAutoPrepare = 0;
        if (Environment.GetEnvironmentVariable("PGTZ") is not null && !builder.ShouldSerialize("Timezone"))
        {
            // Times are sent in binary, so the zone has no effect. But with a misspelt zone every connection would fail.
            builder.Timezone = "UTC";
        }

        if (Environment.GetEnvironmentVariable("PGSSLNEGOTIATION") is not null && !builder.ShouldSerialize("SSL Negotiation"))
        {
            builder.SslNegotiation = SslNegotiation.Postgres;
        }

        Build(setting, builder);
        return builder.ConnectionString;
    }

    /// <summary>Parses keyword by keyword, so that the message can name the first invalid one.</summary>
    private static NpgsqlConnectionStringBuilder Parse(string setting, string connectionString)
    {
        if (connectionString.Contains("://", StringComparison.Ordinal) && connectionString.IndexOf("://", StringComparison.Ordinal) is var at
            && !connectionString[..at].Contains('='))
        {
            throw new FormatException($"{setting}: this is a URL, but must be a list of keywords. {Form}");
        }

        var pairs = new DbConnectionStringBuilder();
        try
        {
            pairs.ConnectionString = connectionString;
        }
        catch (ArgumentException)
        {
            throw new FormatException(
                $"{setting}: not a list of Keyword=value, separated by semicolons; put a value with a semicolon, quote or leading space in quotes. "
                + $"{Form}");
        }

        var builder = new NpgsqlConnectionStringBuilder();
        foreach (string keyword in pairs.Keys)
        {
            // If a password contains a semicolon, part of it may look like a keyword. So name only keywords of the driver.
            if (!IsKeyword(keyword))
            {
                throw new FormatException(
                    $"{setting}: the driver does not know keyword number "
                    + $"{pairs.Keys.Cast<string>().TakeWhile(other => other != keyword).Count() + 1} of {pairs.Count}. {Form}");
            }

            try
            {
                builder[keyword] = pairs[keyword];
            }
            catch (Exception exception) when (
                exception is ArgumentException or FormatException or InvalidCastException or OverflowException or NotSupportedException)
            {
                throw new FormatException($"{setting}: {Name(connectionString, keyword)} has a value that the driver does not accept. {Form}");
            }
        }

        if (string.IsNullOrWhiteSpace(builder.Host))
        {
            throw new FormatException($"{setting}: Host is missing. {Form}");
        }

        return builder;
    }

    /// <summary>Rejects values that would cause a crash, endless errors, or wrong data.</summary>
    private static void Refuse(string setting, NpgsqlConnectionStringBuilder builder, int leastConnections)
    {
#pragma warning disable CS0618 // Obsolete in the driver, but the user may still set it.
        Require(!builder.Multiplexing, "Multiplexing must be off: it would mix the transactions of several callers on one connection.");
#pragma warning restore CS0618
        Require(builder.ReadBufferSize >= LeastBufferBytes, $"Read Buffer Size must be at least {LeastBufferBytes} (bytes).");
        Require(builder.WriteBufferSize >= LeastBufferBytes, $"Write Buffer Size must be at least {LeastBufferBytes} (bytes).");
        Require(IsUtf8(builder.ClientEncoding), "Client Encoding must be UTF8: any other encoding would write wrong user ids.");
        Require(IsUtf8(builder.Encoding), "Encoding must be UTF8: any other encoding would write wrong user ids.");
        Require(builder.MinPoolSize <= builder.MaxPoolSize || !builder.ShouldSerialize("Maximum Pool Size"),
            "Minimum Pool Size must not exceed Maximum Pool Size.");
        Require(
            !builder.Pooling || builder.MaxPoolSize >= leastConnections,
            $"Maximum Pool Size must be at least {leastConnections}: with EventLog:Engine=Postgres the log holds one connection permanently, and reads need "
            + "another.");
        Require(
            builder.TargetSessionAttributes is null || builder.Host!.Contains(',') || string.Equals(
                builder.TargetSessionAttributes, "any", StringComparison.OrdinalIgnoreCase),
            "Target Session Attributes needs several hosts (Host=a,b).");
        Exists("SSL Certificate", builder.SslCertificate, "PGSSLCERT");
        Exists("SSL Key", builder.SslKey, "PGSSLKEY");
        Exists("Root Certificate", builder.RootCertificate, "PGSSLROOTCERT");

        void Require(bool condition, string message)
        {
            if (!condition)
            {
                throw new FormatException($"{setting}: {message}");
            }
        }

        void Exists(string keyword, string? path, string variable)
        {
            var (source, file) = path is null ? (variable, Environment.GetEnvironmentVariable(variable)) : ($"{setting}: {keyword}", path);
            if (builder.SslMode != SslMode.Disable && !string.IsNullOrEmpty(file) && !File.Exists(file))
            {
                throw new FormatException($"{source} names a file that does not exist or cannot be read.");
            }
        }
    }

    /// <summary>Builds a data source, which checks the combination of keywords without connecting.</summary>
    private static void Build(string setting, NpgsqlConnectionStringBuilder builder)
    {
        try
        {
            using (new NpgsqlSlimDataSourceBuilder(builder.ConnectionString).EnableTransportSecurity().EnableIntegratedSecurity().Build())
            {
            }
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or InvalidOperationException or NotSupportedException)
        {
            throw new FormatException(
                $"{setting}: the driver does not accept this combination of keywords: {string.Join(", ", builder.Keys.Cast<string>())}. {Form}");
        }
    }

    private static bool IsUtf8(string? encoding) => encoding is null || Utf8.Contains(encoding, StringComparer.OrdinalIgnoreCase);

    private static bool IsKeyword(string keyword)
    {
        try
        {
            return new NpgsqlConnectionStringBuilder().ContainsKey(keyword);
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    /// <summary>Returns the keyword as the user spelt it; the framework converts keywords to lower case.</summary>
    private static string Name(string connectionString, string keyword) =>
        connectionString.IndexOf(keyword, StringComparison.OrdinalIgnoreCase) is var at and >= 0 ? connectionString.Substring(at, keyword.Length) : keyword;
}
