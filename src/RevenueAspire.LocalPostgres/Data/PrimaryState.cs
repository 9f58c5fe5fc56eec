using System.Buffers.Binary;
using Npgsql;

namespace RevenueAspire.LocalPostgres.Data;

/// <summary>The state of a running primary that the start of a standby requires. Immutable.</summary>
/// <param name="Port">Port on 127.0.0.1.</param>
/// <param name="MajorVersion">Version of its programs and data.</param>
/// <param name="SystemIdentifier">Id of the cluster; all copies have the same.</param>
/// <param name="Position">End of its write-ahead log, in bytes.</param>
internal sealed record PrimaryState(int Port, int MajorVersion, ulong SystemIdentifier, long Position)
{
    private const string Query = """
        select current_setting('server_version_num')::int / 10000, (select system_identifier from pg_control_system()),
               (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end - '0/0')::bigint
        """;

    /// <summary>Queries the primary; null if it does not answer.</summary>
    public static async Task<PrimaryState?> ReadAsync(int port, string password, CancellationToken cancellationToken)
    {
        var connectionString = new NpgsqlConnectionStringBuilder
        {
            Host = "127.0.0.1",
            Port = port,
            Username = "postgres",
            Password = password,
            Database = "postgres",
            Pooling = false,
            Timeout = 5,
        };
        try
        {
            await using var connection = new NpgsqlConnection(connectionString.ConnectionString);
            await connection.OpenAsync(cancellationToken);
            await using var command = new NpgsqlCommand(Query, connection);
            await using var row = await command.ExecuteReaderAsync(cancellationToken);
            await row.ReadAsync(cancellationToken);
            return new PrimaryState(port, row.GetInt32(0), unchecked((ulong)row.GetInt64(1)), row.GetInt64(2));
        }
        catch (NpgsqlException)
        {
            return null;
        }
    }

    /// <summary>Rejects a data directory that is not a copy of this primary, because a new copy would replace data that exists nowhere else.</summary>
    /// <exception cref="LocalPostgresException">The directory is of another cluster.</exception>
    public void RequireSameCluster(string dataDirectory)
    {
        // The identifier is the first field of pg_control (Postgres' catalog/pg_control.h), in the machine's byte order.
        using var control = File.OpenRead(Path.Combine(dataDirectory, "global", "pg_control"));
        Span<byte> identifier = stackalloc byte[sizeof(ulong)];
        control.ReadExactly(identifier);
        var own = BitConverter.IsLittleEndian ? BinaryPrimitives.ReadUInt64LittleEndian(identifier) : BinaryPrimitives.ReadUInt64BigEndian(identifier);
        if (own != SystemIdentifier)
        {
            throw new LocalPostgresException($"{dataDirectory} is not a copy of the server on port {Port}, but contains other data: move it elsewhere.");
        }
    }
}
