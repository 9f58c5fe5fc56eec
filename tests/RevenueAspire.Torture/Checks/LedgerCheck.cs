using System.Security.Cryptography;
using Npgsql;
using RevenueAspire.Testing;
using RevenueAspire.Torture.Load;
using RevenueAspire.Torture.Stage;

namespace RevenueAspire.Torture.Checks;

/// <summary>Checks that the database contains the correct sums and rejected lines, and no unfinished work.</summary>
internal static class LedgerCheck
{
    private static readonly TimeSpan QuietLimit = TimeSpan.FromSeconds(90);

    /// <summary>Waits until the ledger has every record below the durable mark.</summary>
    /// <param name="log">Folder of the log in files; null for the log in Postgres.</param>
    /// <param name="postgres">The ledger.</param>
    /// <param name="violations">Receives a violation on timeout.</param>
    /// <returns>False on timeout.</returns>
    public static async Task<bool> WaitUntilQuietAsync(string? log, PostgresHost postgres, Violations violations)
    {
        var lag = "";
        try
        {
            await Eventually.IsTrueAsync(
                async () =>
                {
                    lag = await (log is null ? LogTables.FindLagAsync(postgres) : LogFiles.FindLagAsync(log, postgres));
                    return lag.Length == 0;
                },
                QuietLimit);
            return true;
        }
        catch (TimeoutException)
        {
            violations.Add(ViolationKind.Other,
                FormattableString.Invariant($"{QuietLimit.TotalSeconds} s after the end of all faults and load, the ledger still lags: {lag}"));
            return false;
        }
    }

    /// <summary>Compares the tables with the expected content.</summary>
    /// <param name="postgres">The ledger.</param>
    /// <param name="log">Expected totals of the log.</param>
    /// <param name="files">The files that were counted.</param>
    /// <param name="violations">Receives each difference.</param>
    public static async Task RunAsync(PostgresHost postgres, Totals log, IReadOnlyList<CountedFile> files, Violations violations)
    {
        await using var connection = await postgres.ConnectAsync();
        var counted = await CountTimesAsync(connection, files, violations);
        await CheckBalancesAsync(connection, log, counted, violations);
        await CheckRejectsAsync(connection, counted, violations);
        await CheckNothingIsOpenAsync(connection, violations);
        if (postgres.BrokenStreams > 0)
        {
            violations.Add(ViolationKind.Other, $"{postgres.BrokenStreams} connections sent bytes that the server did not understand; see postgres.log");
        }

        await using var deadlocks = new NpgsqlCommand("select deadlocks from pg_stat_database where datname = current_database()", connection);
        var seen = (long)(await deadlocks.ExecuteScalarAsync())!;
        if (postgres.Deadlocks > 0 || seen > postgres.ProvokedDeadlocks)
        {
            violations.Add(ViolationKind.Deadlock,
                $"{Math.Max(postgres.Deadlocks, seen - postgres.ProvokedDeadlocks)} deadlocks without a fault that provokes them; see postgres.log");
        }
    }

    /// <summary>
    /// Compares the number of times that the ledger counted each file with the number of requests. Identifies files by content, since another file may have a
    /// file's name by now.
    /// </summary>
    private static async Task<List<(EventFile File, int Times)>> CountTimesAsync(NpgsqlConnection connection, IReadOnlyList<CountedFile> files,
        Violations violations)
    {
        var times = await ReadTimesAsync(connection);
        var counted = new List<(EventFile, int)>();
        foreach (var file in files)
        {
            var found = times.GetValueOrDefault(HashOf(file.File));
            if (found < file.LeastTimes || found > file.MostTimes)
            {
                violations.Add(found < file.LeastTimes ? ViolationKind.Lost : ViolationKind.Repeated,
                    $"{file.File.Path} is counted {found} times; expected {file.LeastTimes} to {file.MostTimes}");
            }

            counted.Add((file.File, found));
        }

        return counted;
    }

    /// <summary>Number of generations per content. The key is the hash of the content at its latest length.</summary>
    private static async Task<Dictionary<string, int>> ReadTimesAsync(NpgsqlConnection connection)
    {
        var times = new Dictionary<string, int>(StringComparer.Ordinal);
        await using var command = new NpgsqlCommand(
            "select d.sha256, count(*)::integer from event_source s join event_source_digest d using (content_id, length) where s.kind = 'file' group by "
                + "d.sha256", connection);
        await using var rows = await command.ExecuteReaderAsync();
        while (await rows.ReadAsync())
        {
            times.Add(Convert.ToHexString(rows.GetFieldValue<byte[]>(0)), rows.GetInt32(1));
        }

        return times;
    }

    private static string HashOf(EventFile file) => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file.Path)));

    private static async Task CheckBalancesAsync(NpgsqlConnection connection, Totals log, List<(EventFile File, int Times)> files, Violations violations)
    {
        var expected = new Totals();
        expected.Add(log);
        foreach (var (file, times) in files)
        {
            expected.Add(file.Totals, times);
        }

        if (expected.DifferenceTo(await Totals.ReadAsync(connection)) is { Length: > 0 } difference)
        {
            violations.Add(ViolationKind.WrongBalance, difference);
        }
    }

    private static async Task CheckRejectsAsync(NpgsqlConnection connection, List<(EventFile File, int Times)> files, Violations violations)
    {
        var lines = files.SelectMany(file => file.File.Rejected.Select(line => (Key: (HashOf(file.File), line.Offset, line.Line), line.Text, file.Times)))
            .ToArray();
        var texts = lines.ToDictionary(line => line.Key, line => line.Text);
        var missing = lines.ToDictionary(line => line.Key, line => line.Times);
        await using var command = new NpgsqlCommand("""
            select s.kind, s.name, r."offset", r.line, r.reason, r.beginning, r.range_id is null, d.sha256
            from rejected_event r left join event_source s using (source_id) left join event_source_digest d using (content_id, length)
            """, connection);
        await using var rows = await command.ExecuteReaderAsync();
        while (await rows.ReadAsync())
        {
            var (kind, name, offset, line) = (rows.GetString(0), rows.GetString(1), rows.GetInt64(2), rows.GetInt64(3));
            var content = await rows.IsDBNullAsync(7) ? "" : Convert.ToHexString(rows.GetFieldValue<byte[]>(7));
            var (reason, beginning, isFolded) = (rows.GetString(4), rows.GetString(5), rows.GetBoolean(6));
            if (kind != "file" || !texts.TryGetValue((content, offset, line), out var text) || --missing[(content, offset, line)] < 0 || !isFolded
                || reason.Length == 0 || !text.StartsWith(beginning, StringComparison.Ordinal))
            {
                violations.Add(ViolationKind.Other,
                    $"rejected_event has an unexpected row: {kind} {name}, offset {offset}, line {line}: {reason} '{beginning}'");
            }
        }

        if (missing.Where(line => line.Value > 0).ToArray() is { Length: > 0 } lacking)
        {
            violations.Add(ViolationKind.Lost, $"rejected_event lacks {lacking.Sum(line => line.Value)} rows, for example {lacking[0].Key}");
        }
    }

    private static async Task CheckNothingIsOpenAsync(NpgsqlConnection connection, Violations violations)
    {
        await using var command = new NpgsqlCommand(
            "select (select count(*) from event_range), (select count(*) from event_part), (select count(*) from event_source where claimed_through <> "
                + "applied_through)", connection);
        await using var rows = await command.ExecuteReaderAsync();
        await rows.ReadAsync();
        if ((rows.GetInt64(0), rows.GetInt64(1), rows.GetInt64(2)) is var open && open != (0, 0, 0))
        {
            violations.Add(ViolationKind.Other, $"ranges, parts, sources still open at the end: {open}");
        }
    }
}
