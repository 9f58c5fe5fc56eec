using System.Globalization;
using Npgsql;

namespace RevenueAspire.Ledger;

/// <summary>Partitions of <c>event_history</c>. Each holds 2^40 values of its sequence.</summary>
/// <remarks>The partition after the current one always exists: a running statement would not see one that is made between its start and its next value.</remarks>
internal static class HistoryPartitions
{
    private const int NumberBits = 40;

    /// <summary>First value of a partition.</summary>
    public static long First(int number) => (long)number << NumberBits;

    /// <summary>Makes the first partition current, and the one after it.</summary>
    public static async Task BeginAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await ExecuteAsync(connection, $"{Create(1)} {Create(2)} insert into history_partition values (1, now());", cancellationToken).ConfigureAwait(false);
    }

    /// <summary>SQL that makes a partition. It is attached, since "create table ... partition of" waits for all merges, and they for it.</summary>
    private static string Create(int number) => string.Create(
        CultureInfo.InvariantCulture,
        $"create table if not exists event_history_{number} (like event_history including all); "
        + $"alter table event_history attach partition event_history_{number} for values from ({First(number)}) to ({First(number + 1)});");

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }
}
