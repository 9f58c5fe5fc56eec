using RevenueAspire.LocalPostgres.Binaries;

namespace RevenueAspire.LocalPostgres;

/// <summary>Options of a local server.</summary>
public sealed class LocalPostgresOptions
{
    /// <summary>Data directory; created (initdb, or pg_basebackup for a standby) if missing or empty. The lock file <c>NAME.lock</c> is next to it, and
    /// <c>NAME.initdb-*</c> while it is being created.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>Port on 127.0.0.1; 0 selects a free one.</summary>
    public int Port { get; init; }

    /// <summary>Password of user postgres, without control characters. It is set before every start, so it also applies to an old data directory. A standby
    /// must use its primary's.</summary>
    public required string Password { get; init; }

    /// <summary>Makes the server a hot standby (read-only) that follows this primary on the same machine until it is promoted. Null: an independent server. An
    /// existing standby continues from its last position. A new copy replaces the directory if the primary no longer has the required log. It also replaces a
    /// former primary's directory, which may have commits that the new primary lacks. The old directory is removed only after the copy is complete. If the
    /// primary answers, a data directory of another cluster is rejected. Settings such as max_connections must be at least the primary's.</summary>
    public LocalPostgresPrimary? StandbyOf { get; init; }

    /// <summary>Additional settings (<c>name=value</c>) for the server's command line.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    /// <summary>Receives the server's log lines, and a line for each slow step (fetching, initdb). May be called from any thread, but never concurrently. May
    /// be null.</summary>
    public Action<string>? Log { get; init; }

    /// <summary>Whether a small shell stops the server if this process ends without stopping it (kill -9, a crash). Linux and macOS only. On Windows, or if
    /// false, the left-over server runs until the next start on its data directory.</summary>
    public bool StopWithParent { get; init; }

    /// <summary>Time limit from the launch to the first answer, including recovery after a crash.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>The places to search for programs; tests restrict them.</summary>
    internal PostgresSearch? Search { get; init; }
}

/// <summary>The server on this machine that a standby follows. Both must have the same <see cref="LocalPostgresOptions.Password"/>. Immutable.</summary>
/// <param name="Port">Its port on 127.0.0.1.</param>
/// <param name="ApplicationName">Name of the standby in the primary's synchronous_standby_names: letters, digits and <c>_</c>.</param>
public sealed record LocalPostgresPrimary(int Port, string ApplicationName)
{
    /// <summary>The role that standbys connect as; <see cref="LocalPostgresReplication.EnsureReplicationRoleAsync"/> creates it.</summary>
    public const string ReplicationRole = "replicator";
}
