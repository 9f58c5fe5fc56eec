namespace RevenueAspire.LocalPostgres;

/// <summary>The server on this machine that a standby follows. Both have the same <see cref="LocalPostgresOptions.Password"/>. Immutable.</summary>
/// <param name="Port">Its port on 127.0.0.1.</param>
/// <param name="ApplicationName">Name of the standby, as the primary's synchronous_standby_names refers to it: letters, digits and <c>_</c>.</param>
public sealed record LocalPostgresPrimary(int Port, string ApplicationName)
{
    /// <summary>The role that standbys connect as; <see cref="LocalPostgresServer.EnsureReplicationRoleAsync"/> creates it.</summary>
    public const string ReplicationRole = "replicator";
}
