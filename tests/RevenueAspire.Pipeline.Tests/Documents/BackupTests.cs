using System.Buffers.Binary;
using System.Text.Json;
using Npgsql;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests.Documents;

/// <summary>Runs the backup and restore commands of docs/operations.md under load, and through a disaster.</summary>
public sealed class BackupTests
{
    [Fact]
    public async Task A_backup_under_load_is_restored_catches_up_and_equals_its_log()
    {
        Shell.Require("bash", "pg_dump", "pg_restore", "od", "truncate");
        using var directory = TempDirectory.ForPostgres();
        using var backup = new TempDirectory();
        var variables = new Dictionary<string, string?> { ["EVENTS"] = directory.File("events"), ["BACKUP"] = backup.File("backup") };
        long markBefore;
        await using (var installation = new Installation(await TestPostgres.CreateDatabaseAsync(), directory.Path))
        {
            // Use small segments, so that many end during the backup. With only one processor, the ledger always lags a little.
            installation.Settings["EventLog__SegmentBytes"] = "65536";
            await installation.StartApiAsync();
            installation.StartProcessor();
            var load = installation.Start(
                "RevenueAspire.Client", "load", "--rate", "4000", "--batch", "20", "--duration", "60s", "--users", "300", "--seed", "1");
            await Eventually.IsTrueAsync(async () => Mark(directory) > 400_000 && (await installation.LedgerAsync()).Users.Count > 200);
            markBefore = Mark(directory);

            variables["DATABASE"] = Shell.Libpq(installation.ConnectionString);
            var run = await Shell.RunAsync(DocumentBlock.Named("backup").Text, variables);
            Assert.True(run.Code == 0, run.Errors);
            Assert.False(load.HasExited, load.Output);
            Assert.True(Mark(directory) > BackupMark(backup), "The load continued during the backup.");
        }

        // Simulate the disaster: kill every process, and lose the disk with the log and the database.
        Directory.Delete(directory.File("events"), recursive: true);
        await using var restored = new Installation(await TestPostgres.CreateDatabaseAsync(), directory.Path);
        variables["DATABASE"] = Shell.Libpq(restored.ConnectionString);
        var restore = await Shell.RunAsync(DocumentBlock.Named("restore").Text, variables);
        Assert.True(restore.Code == 0, restore.Errors);
        var expected = Fold(directory);
        Assert.True(Mark(directory) >= markBefore, "The backup has every event that was acknowledged before it.");
        Assert.InRange(await AppliedAsync(restored), 1, Mark(directory));

        restored.StartProcessor();
        await restored.StartApiAsync();
        await restored.AssertLedgerAsync(expected);
        variables["ConnectionStrings__revenuedb"] = restored.ConnectionString;
        var verify = await Shell.RunAsync(DocumentBlock.Named("verify").Text, variables);
        Assert.True(verify.Code == 0, verify.Output + verify.Errors);
        Assert.Contains("all equal", verify.Output, StringComparison.Ordinal);

        // The restored installation accepts and applies more events.
        var random = new Random(1);
        for (var i = 0; i < 20; i++)
        {
            var e = RevenueEvent.Next(random, users: 5);
            expected.Add(e);
            await restored.PostUntilAcknowledgedAsync(e, $"after-{i}");
        }

        await restored.AssertLedgerAsync(expected);
    }

    [Fact]
    public async Task With_the_log_in_Postgres_a_dump_alone_is_a_backup()
    {
        Shell.Require("bash", "pg_dump", "pg_restore");
        using var backup = new TempDirectory();
        var variables = new Dictionary<string, string?> { ["DUMP"] = backup.File("both.dump") };
        await using (var installation = await Installation.CreateAsync())
        {
            installation.Settings["EventLog__Engine"] = "Postgres";
            await installation.StartApiAsync();
            installation.StartProcessor();
            var load = installation.Start("RevenueAspire.Client", "load", "--rate", "2000", "--batch", "20", "--duration", "60s", "--users", "300");
            await Eventually.IsTrueAsync(async () => (await installation.LedgerAsync()).Users.Count > 200);
            variables["DATABASE"] = Shell.Libpq(installation.ConnectionString);
            var run = await Shell.RunAsync("pg_dump --format=custom --no-owner --file=\"$DUMP\" \"$DATABASE\"", variables);
            Assert.True(run.Code == 0, run.Errors);
            Assert.False(load.HasExited, load.Output);
        }

        await using var restored = await Installation.CreateAsync();
        restored.Settings["EventLog__Engine"] = "Postgres";
        variables["DATABASE"] = Shell.Libpq(restored.ConnectionString);
        var restore = await Shell.RunAsync("pg_restore --no-owner --exit-on-error --dbname=\"$DATABASE\" \"$DUMP\"", variables);
        Assert.True(restore.Code == 0, restore.Errors);
        restored.StartProcessor();
        await restored.StartApiAsync();
        var receipt = await restored.PostUntilAcknowledgedAsync(new RevenueEvent("after the restore", "add_revenue", 7), "after");
        Assert.Equal(7, await restored.RevenueAfterAsync("after the restore", receipt));

        // The ledger has every record of the dumped log, and verify finds them equal.
        await Eventually.IsTrueAsync(async () => await LagAsync(restored) == 0);
        await using var verify = await restored.RunAsync("RevenueAspire.Processor", "verify");
        Assert.True(verify.ExitCode == 0, verify.Output);
        Assert.Contains("all equal", verify.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_commands_for_a_growing_lag_and_for_a_load_run_as_documented()
    {
        Shell.Require("bash", "psql");
        await using var installation = await Installation.CreateAsync();
        await installation.StartApiAsync();
        var waiting = await Shell.RunAsync(
            DocumentBlock.Named("waiting").Text, new Dictionary<string, string?> { ["DATABASE"] = Shell.Libpq(installation.ConnectionString) });
        Assert.True(waiting.Code == 0, waiting.Errors);

        var load = await Shell.RunAsync(
            DocumentBlock.Named(
                "load").Text, new Dictionary<string, string?> { ["Client__Url"] = installation.ApiUrl, ["Client__Secret"] = Installation.Secret });
        Assert.True(load.Code == 0, load.Errors);
        Assert.Equal(400, JsonDocument.Parse(load.Output).RootElement.GetProperty("accepted").GetInt32());
    }

    /// <summary>Bytes of all logs in the database that are not yet applied.</summary>
    private static async Task<long> LagAsync(Installation installation)
    {
        await using var source = NpgsqlDataSource.Create(installation.ConnectionString);
        await using var command = source.CreateCommand(
            "select sum(l.end_offset - coalesce(s.applied_through, 0))::bigint from event_log l left join event_source s on s.source_id = l.log_id");
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private static long Mark(TempDirectory directory) => ReadMark(Path.Combine(directory.File("events"), "durable.mark"));

    private static long BackupMark(TempDirectory backup) => ReadMark(Path.Combine(backup.File("backup"), "events", "durable.mark"));

    private static long ReadMark(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var bytes = new byte[16];
        return file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length ? 0 : BinaryPrimitives.ReadInt64LittleEndian(bytes);
    }

    /// <summary>Folds the segments of a closed log without the product's code.</summary>
    private static Totals Fold(TempDirectory directory)
    {
        var totals = new Totals();
        foreach (var segment in Directory.GetFiles(directory.File("events"), "*.jsonl"))
        {
            foreach (var line in File.ReadLines(segment))
            {
                using var record = JsonDocument.Parse(line);
                var root = record.RootElement;
                totals.Add(
                    new RevenueEvent(root.GetProperty("userId").GetString()!, root.GetProperty("name").GetString()!, root.GetProperty("value").GetInt64()));
            }
        }

        return totals;
    }

    private static async Task<long> AppliedAsync(Installation installation)
    {
        await using var source = NpgsqlDataSource.Create(installation.ConnectionString);
        await using var command = source.CreateCommand("select max(applied_through) from event_source");
        return (long)(await command.ExecuteScalarAsync())!;
    }
}
