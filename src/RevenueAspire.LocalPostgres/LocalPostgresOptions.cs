using RevenueAspire.LocalPostgres.Binaries;

namespace RevenueAspire.LocalPostgres;

/// <summary>Where and how a local server runs.</summary>
public sealed class LocalPostgresOptions
{
    /// <summary>Data directory; made (initdb, or pg_basebackup for a standby) when missing or empty. Beside it lie its lock (<c>NAME.lock</c>)
    /// and, while it is made, <c>NAME.initdb-*</c>.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>Port on 127.0.0.1; 0 chooses a free one.</summary>
    public int Port { get; init; }

    /// <summary>Password of user postgres, without control characters; set before every start, so that it always fits, also on an old data
    /// directory. A standby must get its primary's.</summary>
    public required string Password { get; init; }

    /// <summary>Makes the server a hot standby (read-only) that follows another server of this machine until it is promoted; null: an independent server.
    /// A standby's data directory is followed up from where it ends. It is replaced by a new copy, complete before the old one goes, when the primary no
    /// longer has the log that it lacks, and when it was a primary's: that may hold commits of which no other server knows. A data directory of another
    /// cluster is refused while the primary answers. Settings such as max_connections must be at least the primary's.</summary>
    public LocalPostgresPrimary? StandbyOf { get; init; }

    /// <summary>Further settings (<c>name=value</c>) on the server's command line.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    /// <summary>Receives the server's log lines, and a line for each step that takes long (fetching, initdb); called from any
    /// thread, one line at a time; or null.</summary>
    public Action<string>? Log { get; init; }

    /// <summary>The server stops also when this process ends without stopping it (kill -9, a crash), through a small watching shell. Linux and macOS; without
    /// effect on Windows, where the next start cleans up. Off: a server left behind runs on until the next start on its data directory.</summary>
    public bool StopWithParent { get; init; }

    /// <summary>How long a start may take from the launch to the first answer, recovery after a crash included.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Where binaries are looked for; tests narrow it.</summary>
    internal PostgresSearch? Search { get; init; }
}

/// <summary>The server on this machine that a standby follows. Both have the same <see cref="LocalPostgresOptions.Password"/>. Immutable.</summary>
/// <param name="Port">Its port on 127.0.0.1.</param>
/// <param name="ApplicationName">Name of the standby, as the primary's synchronous_standby_names refers to it: letters, digits and <c>_</c>.</param>
public sealed record LocalPostgresPrimary(int Port, string ApplicationName)
{
    /// <summary>The role that standbys connect as; <see cref="LocalPostgresReplication.EnsureReplicationRoleAsync"/> creates it.</summary>
    public const string ReplicationRole = "replicator";
}
