using System.Collections.Concurrent;
using Npgsql;

namespace RevenueAspire.Postgres;

/// <summary>Decides whether a statement may be prepared by name. Thread-safe.</summary>
/// <remarks>
/// A pooler in transaction mode gives each transaction another session of the server, in which a name is unknown (26000) or taken (42P05).
/// <see cref="SessionCheck"/> recognises a pooler by the process id that it reports. No Reset On Close=true in the user's connection string declares one.
/// If a pooler is not recognised, the first such error disables named statements.
/// </remarks>
public static class NamedStatements
{
    private static readonly ConcurrentDictionary<(string? Host, int Port), bool> Poolers = [];
    private static volatile bool _disabled;

    /// <summary>Whether the connection's peer was recognised as a pooler.</summary>
    public static bool IsPooler(NpgsqlConnection connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        return _disabled || (!Poolers.IsEmpty && Poolers.ContainsKey((connection.Host, connection.Port)));
    }

    /// <summary>Prepares a command by name if that is safe; otherwise the server parses its statement at each execution.</summary>
    public static Task PrepareNamedAsync(this NpgsqlCommand command, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(command);
        return MayPrepare(command.Connection!) ? command.PrepareAsync(cancellationToken) : Task.CompletedTask;
    }

    /// <inheritdoc cref="PrepareNamedAsync(NpgsqlCommand, CancellationToken)"/>
    public static Task PrepareNamedAsync(this NpgsqlBatch batch, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(batch);
        return MayPrepare(batch.Connection!) ? batch.PrepareAsync(cancellationToken) : Task.CompletedTask;
    }

    /// <summary>Disables named statements in this process.</summary>
    internal static void Disable() => _disabled = true;

    internal static void AddPooler(NpgsqlConnection connection) => Poolers[(connection.Host, connection.Port)] = true;

    private static bool MayPrepare(NpgsqlConnection connection) => !IsPooler(connection);
}
