using System.Data.Common;
using Npgsql;

namespace RevenueAspire.Postgres;

/// <summary>Checks a connection string before its first use, and sets each value that this program relies on. Stateless.</summary>
/// <remarks>No message of the driver about a connection string is passed on, since it may hold the password. Messages name keywords, never values.</remarks>
public static class ConnectionStringRules
{
    private const string Form = "Write it like Host=localhost;Username=postgres;Password=...;Database=revenuedb.";

    private const int LeastBufferBytes = 4096;

    private static readonly string[] Utf8 = ["UTF8", "UTF-8", "unicode"];

    /// <summary>
    /// Adds what the user has not said: three services of 24 connections fit into Postgres' default of 100; a keepalive shows a dead peer within a minute; no
    /// encryption by Kerberos; with several hosts only a primary is used, and looked for each second. Encoding and prepared statements are this program's
    /// business, whatever the environment says.
    /// </summary>
    /// <param name="setting">Name of the setting, for messages.</param>
    /// <param name="connectionString">As the user has written it.</param>
    /// <param name="applicationName">Shown in pg_stat_activity where the connection string does not name it.</param>
    /// <param name="leastConnections">Connections that the program holds at once.</param>
    /// <exception cref="FormatException">The connection string cannot work; one line names the keyword.</exception>
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
            // Npgsql would try Kerberos first on every new connection, and fail: container images of .NET come without its library.
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

        // PGCLIENTENCODING would have the server read the same bytes as other letters.
        builder.ClientEncoding = "UTF8";

        // This program prepares its own statements, and only where no pooler is in between.
        builder.MaxAutoPrepare = 0;
        if (Environment.GetEnvironmentVariable("PGTZ") is not null && !builder.ShouldSerialize("Timezone"))
        {
            // Times travel in binary: the zone changes nothing, but a misspelt one would refuse every connection.
            builder.Timezone = "UTC";
        }

        if (Environment.GetEnvironmentVariable("PGSSLNEGOTIATION") is not null && !builder.ShouldSerialize("SSL Negotiation"))
        {
            builder.SslNegotiation = SslNegotiation.Postgres;
        }

        Build(setting, builder);
        return builder.ConnectionString;
    }

    /// <summary>Reads keyword by keyword, so that the first bad one can be named.</summary>
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
                $"{setting}: not a list of Keyword=value, separated by semicolons; a value with a semicolon, quote or leading space goes between quotes. "
                + $"{Form}");
        }

        var builder = new NpgsqlConnectionStringBuilder();
        foreach (string keyword in pairs.Keys)
        {
            // Part of a password that holds a semicolon may stand where a keyword belongs: only a keyword of the driver is named.
            if (!IsKeyword(keyword))
            {
                throw new FormatException(
                    $"{setting}: it has a keyword that the driver does not know (number "
                    + $"{pairs.Keys.Cast<string>().TakeWhile(other => other != keyword).Count() + 1} of {pairs.Count}). {Form}");
            }

            try
            {
                builder[keyword] = pairs[keyword];
            }
            catch (Exception exception) when (
                exception is ArgumentException or FormatException or InvalidCastException or OverflowException or NotSupportedException)
            {
                throw new FormatException($"{setting}: {Name(connectionString, keyword)} has a value that the driver does not take. {Form}");
            }
        }

        if (string.IsNullOrWhiteSpace(builder.Host))
        {
            throw new FormatException($"{setting}: Host is missing. {Form}");
        }

        return builder;
    }

    /// <summary>What would end in an abort, in errors without end, or in wrong data.</summary>
    private static void Refuse(string setting, NpgsqlConnectionStringBuilder builder, int leastConnections)
    {
#pragma warning disable CS0618 // Obsolete in the driver, and may still be written.
        Require(!builder.Multiplexing, "Multiplexing must be off: one connection would carry the transactions of several callers.");
#pragma warning restore CS0618
        Require(builder.ReadBufferSize >= LeastBufferBytes, $"Read Buffer Size must be at least {LeastBufferBytes} (bytes).");
        Require(builder.WriteBufferSize >= LeastBufferBytes, $"Write Buffer Size must be at least {LeastBufferBytes} (bytes).");
        Require(IsUtf8(builder.ClientEncoding), "Client Encoding must be UTF8: with any other, wrong user ids would be written.");
        Require(IsUtf8(builder.Encoding), "Encoding must be UTF8: with any other, wrong user ids would be written.");
        Require(builder.MinPoolSize <= builder.MaxPoolSize || !builder.ShouldSerialize("Maximum Pool Size"),
            "Minimum Pool Size must not be above Maximum Pool Size.");
        Require(
            !builder.Pooling || builder.MaxPoolSize >= leastConnections,
            $"Maximum Pool Size must be at least {leastConnections}: with EventLog:Engine=Postgres one connection belongs to the log for good, and reads need "
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
                throw new FormatException($"{source} names a file that is not there, or cannot be read.");
            }
        }
    }

    /// <summary>Builds a source, which checks what goes together and connects to nothing.</summary>
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
            throw new FormatException($"{setting}: the driver does not take these keywords together: {string.Join(", ", builder.Keys.Cast<string>())}. {Form}");
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

    /// <summary>As the user spells it: the framework's pairs are in lower case.</summary>
    private static string Name(string connectionString, string keyword) =>
        connectionString.IndexOf(keyword, StringComparison.OrdinalIgnoreCase) is var at and >= 0 ? connectionString.Substring(at, keyword.Length) : keyword;
}
