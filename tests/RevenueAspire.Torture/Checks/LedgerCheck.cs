using System.Globalization;
using System.Numerics;
using Npgsql;
using RevenueAspire.Testing;
using RevenueAspire.Torture.Stage;

namespace RevenueAspire.Torture.Checks;

/// <summary>Whether the database holds the sums, the rejected lines, and nothing half done.</summary>
internal static class LedgerCheck
{
    private static readonly TimeSpan QuietLimit = TimeSpan.FromSeconds(90);

    /// <summary>Waits until everything below the durable mark is applied.</summary>
    /// <returns>False when the ledger did not get there (told as a violation).</returns>
    public static async Task<bool> WaitUntilQuietAsync(TortureStage stage)
    {
        var lag = "";
        try
        {
            await Eventually.IsTrueAsync(
                async () =>
                {
                    lag = await (stage.Engine == LogEngine.Files ? LogFiles.FindLagAsync(stage.Log, stage.Postgres) : LogTables.FindLagAsync(stage.Postgres));
                    return lag.Length == 0;
                },
                QuietLimit);
            return true;
        }
        catch (TimeoutException)
        {
            stage.Violations.Add(ViolationKind.Other, FormattableString.Invariant($"{QuietLimit.TotalSeconds} s after the last fault the ledger is behind the log: {lag}"));
            return false;
        }
    }

    /// <summary>Compares the tables with what they must be.</summary>
    /// <param name="stage">Where they are.</param>
    /// <param name="records">The log.</param>
    /// <param name="files">The files that were counted, each once.</param>
    public static async Task RunAsync(TortureStage stage, IReadOnlyList<LogRecord> records, IReadOnlyList<EventFile> files)
    {
        await using var connection = await stage.Postgres.ConnectAsync();
        await CheckBalancesAsync(connection, records, files, stage.Violations);
        await CheckRejectsAsync(connection, files, stage.Violations);
        await CheckNothingIsOpenAsync(connection, stage.Violations);
        await using var deadlocks = new NpgsqlCommand("select deadlocks from pg_stat_database where datname = current_database()", connection);
        var counted = (long)(await deadlocks.ExecuteScalarAsync())!;
        if (stage.Postgres.Deadlocks > 0 || counted > stage.Postgres.ProvokedDeadlocks)
        {
            stage.Violations.Add(ViolationKind.Deadlock, $"{Math.Max(stage.Postgres.Deadlocks, counted - stage.Postgres.ProvokedDeadlocks)} deadlocks that nobody provoked: see postgres.log");
        }
    }

    private static async Task CheckBalancesAsync(NpgsqlConnection connection, IReadOnlyList<LogRecord> records, IReadOnlyList<EventFile> files, Violations violations)
    {
        var expected = new Totals();
        foreach (var record in records)
        {
            expected.Add(record.Event);
        }

        foreach (var file in files)
        {
            expected.Add(file.Totals);
        }

        var actual = new Totals();
        await using var command = new NpgsqlCommand("select user_id, revenue::text from users_revenue", connection);
        await using var rows = await command.ExecuteReaderAsync();
        while (await rows.ReadAsync())
        {
            actual.Set(rows.GetString(0), BigInteger.Parse(rows.GetString(1), CultureInfo.InvariantCulture));
        }

        if (expected.DifferenceTo(actual) is { Length: > 0 } difference)
        {
            violations.Add(ViolationKind.WrongBalance, difference);
        }
    }

    private static async Task CheckRejectsAsync(NpgsqlConnection connection, IReadOnlyList<EventFile> files, Violations violations)
    {
        // The path of a source is the one that was processed last: the file's or its copy's.
        var expected = files.SelectMany(file => file.Rejected.Select(line => (Name: Path.GetFileName(file.Path), line.Offset, line.Line))).ToHashSet();
        var texts = files.SelectMany(file => file.Rejected.Select(line => (Key: (Path.GetFileName(file.Path), line.Offset), line.Text))).ToDictionary(line => line.Key, line => line.Text);
        await using var command = new NpgsqlCommand("select s.kind, s.name, r.\"offset\", r.line, r.reason, r.beginning, r.range_id is null from rejected_event r left join event_source s using (source_id)", connection);
        await using var rows = await command.ExecuteReaderAsync();
        while (await rows.ReadAsync())
        {
            var (kind, name, offset, line) = (rows.GetString(0), Path.GetFileName(rows.GetString(1)).Replace(".copy.jsonl", "", StringComparison.Ordinal), rows.GetInt64(2), rows.GetInt64(3));
            var (reason, beginning, isFolded) = (rows.GetString(4), rows.GetString(5), rows.GetBoolean(6));
            if (kind != "file" || !expected.Remove((name, offset, line)) || !isFolded || reason.Length == 0 || !texts[(name, offset)].StartsWith(beginning, StringComparison.Ordinal))
            {
                violations.Add(ViolationKind.Other, $"rejected_event has a row that must not be: {kind} {name}, offset {offset}, line {line}: {reason} '{beginning}'");
            }
        }

        if (expected.Count > 0)
        {
            violations.Add(ViolationKind.Lost, $"rejected_event lacks {expected.Count} rows, {expected.First()} for example");
        }
    }

    private static async Task CheckNothingIsOpenAsync(NpgsqlConnection connection, Violations violations)
    {
        await using var command = new NpgsqlCommand(
            "select (select count(*) from event_range), (select count(*) from event_part), (select count(*) from event_source where claimed_through <> applied_through)", connection);
        await using var rows = await command.ExecuteReaderAsync();
        await rows.ReadAsync();
        if ((rows.GetInt64(0), rows.GetInt64(1), rows.GetInt64(2)) is var open && open != (0, 0, 0))
        {
            violations.Add(ViolationKind.Other, $"in the end there are open ranges, parts, sources: {open}");
        }
    }
}
