using System.Globalization;
using Npgsql;
using RevenueAspire.Testing;
using RevenueAspire.Torture.Stage;

namespace RevenueAspire.Torture.Checks;

/// <summary>
/// Damages copies of the log, and processes each copy into a separate database. The processor must report the damaged bytes and apply all other records.
/// </summary>
internal static class DamageCheck
{
    private const int BlockBytes = 64 << 10;
    private const int SegmentsAtLeast = 3;
    private const int Reported = 3;

    /// <summary>Checks one copy with a damaged byte in a sealed segment, and one copy without that segment.</summary>
    /// <returns>Number of checked copies; 0 if the log is too short.</returns>
    public static async Task<int> RunAsync(TortureStage stage, IReadOnlyList<LogRecord> records, Random random)
    {
        var segments = LogFiles.Segments(stage.Log);
        if (segments.Length < SegmentsAtLeast)
        {
            return 0;
        }

        // Do not damage the first segment, since its absence looks like retention, or the last, which has no checksums yet.
        var chosen = random.Next(1, segments.Length - 1);
        var (start, end) = (segments[chosen].Start, segments[chosen + 1].Start);
        var at = random.NextInt64(end - start);
        var block = start + (at / BlockBytes * BlockBytes);
        await CheckAsync(stage, records, "damaged", (block, Math.Min(end, block + BlockBytes)), folder =>
        {
            using var file = new FileStream(Path.Combine(folder, Path.GetFileName(segments[chosen].Path)), FileMode.Open, FileAccess.ReadWrite);
            file.Position = at;
            var value = file.ReadByte();
            file.Position = at;
            file.WriteByte((byte)(value ^ (1 << random.Next(8))));
        });
        await CheckAsync(stage, records, "missing", (start, end), folder =>
        {
            File.Delete(Path.Combine(folder, Path.GetFileName(segments[chosen].Path)));
            File.Delete(Path.ChangeExtension(Path.Combine(folder, Path.GetFileName(segments[chosen].Path)), ".seal"));
        });
        return 2;
    }

    private static async Task CheckAsync(TortureStage stage, IReadOnlyList<LogRecord> records, string name, (long From, long Through) lost,
        Action<string> damage)
    {
        var folder = Directory.CreateDirectory(Path.Combine(stage.Folder, name)).FullName;
        foreach (var path in Directory.GetFiles(stage.Log))
        {
            File.Copy(path, Path.Combine(folder, Path.GetFileName(path)), overwrite: true);
        }

        damage(folder);
        await stage.Postgres.ExecuteAsync($"create database {name} template template0 encoding 'UTF8'");
        var database = stage.Postgres.ConnectionString(name);
        await using var process =
            stage.StartCommand("RevenueAspire.Processor", new Dictionary<string, string?> { ["ConnectionStrings__revenuedb"] = database }, "process", folder);
        var code = await process.WaitForExitAsync(TimeSpan.FromMinutes(1));
        stage.Outputs.Save(name, process);
        if (code != Reported || !process.Output.Contains(lost.From.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal))
        {
            stage.Violations.Add(ViolationKind.Other,
                $"{name}: bytes {lost.From} to {lost.Through} were made unreadable; process ended with {code} and this output: {process.Output}");
        }

        var expected = new Totals();
        foreach (var record in records.Where(record => record.End <= lost.From || record.Offset >= lost.Through))
        {
            expected.Add(record.Event);
        }

        await using var connection = new NpgsqlConnection(database);
        await connection.OpenAsync();
        if (expected.DifferenceTo(await Totals.ReadAsync(connection)) is { Length: > 0 } difference)
        {
            stage.Violations.Add(ViolationKind.WrongBalance, $"{name}: with bytes {lost.From} to {lost.Through} unreadable, {difference}");
        }
    }
}
