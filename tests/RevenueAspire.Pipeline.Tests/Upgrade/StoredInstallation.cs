using System.Numerics;
using System.Text;
using System.Text.Json;
using CliWrap;
using CliWrap.Buffered;
using Npgsql;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests.Upgrade;

/// <summary>Data of an earlier version: its log, its database as SQL, a counted file, and the expected balances.</summary>
/// <remarks>
/// The folder <c>data</c> has one subfolder per version, which never changes. If a version writes another format, create a new subfolder with
/// <c>STORE_UPGRADE_DATA=NAME</c>.
/// </remarks>
internal sealed class StoredInstallation
{
    /// <summary>The key of an event in the log.</summary>
    public const string KnownKey = "known-key";

    /// <summary>The event with <see cref="KnownKey"/>.</summary>
    public static readonly RevenueEvent Known = new("known user", "add_revenue", 4711);

    // Replaces the folder name of the machine that created the data. No such folder exists.
    private const string FormerFolder = "/srv/former";

    private static readonly string Folder = Path.Combine(Repository.Root, "tests/RevenueAspire.Pipeline.Tests/Upgrade/data");
    private readonly string _folder;

    private StoredInstallation(string name) => _folder = Path.Combine(Folder, name);

    public static IEnumerable<string> Names => Directory.EnumerateDirectories(Folder).Select(path => Path.GetFileName(path)!);

    /// <summary>The counted file, with some bad lines.</summary>
    public string InputFile => Path.Combine(_folder, "input.jsonl");

    /// <summary>The receipt for <see cref="KnownKey"/>.</summary>
    public string KnownReceipt => Expected().GetProperty("receipt").GetString()!;

    public static StoredInstallation Named(string name) => new(name);

    /// <summary>The expected balances.</summary>
    public Totals Totals()
    {
        var totals = new Totals();
        foreach (var user in Expected().GetProperty("users").EnumerateObject())
        {
            totals.Set(user.Name, BigInteger.Parse(user.Value.GetString()!, null));
        }

        return totals;
    }

    /// <summary>Copies log and database into an installation.</summary>
    public async Task RestoreAsync(Installation installation)
    {
        CopyFolder(Path.Combine(_folder, "events"), installation.File("events"));
        await using var source = NpgsqlDataSource.Create(installation.ConnectionString);
        await using var command = source.CreateCommand(await File.ReadAllTextAsync(Path.Combine(_folder, "revenuedb.sql")));
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Stores the data of a stopped installation in a new subfolder.</summary>
    public static async Task StoreAsync(string name, Installation installation, string inputFile, string receipt, Totals totals)
    {
        var stored = new StoredInstallation(name);
        Directory.CreateDirectory(stored._folder);
        CopyFolder(installation.File("events"), Path.Combine(stored._folder, "events"));
        foreach (var file in Directory.GetFiles(Path.Combine(stored._folder, "events"), "*.lock"))
        {
            File.Delete(file);
        }

        File.Copy(inputFile, stored.InputFile);
        var database = new NpgsqlConnectionStringBuilder(installation.ConnectionString);
        var dump = await Cli.Wrap("pg_dump")
            .WithArguments(["--no-owner", "--inserts", "-h", database.Host!, "-p", $"{database.Port}", "-U", database.Username!, database.Database!])
            .WithEnvironmentVariables(new Dictionary<string, string?> { ["PGPASSWORD"] = database.Password })
            .ExecuteBufferedAsync();

        // Omit psql's commands, server settings, and comments.
        var lines = dump.StandardOutput.Split('\n').Where(line => line.Length > 0 && !line.StartsWith('\\') && !line.StartsWith("--", StringComparison.Ordinal)
            && !line.StartsWith("SET ", StringComparison.Ordinal) && !line.StartsWith("SELECT pg_catalog.set_config", StringComparison.Ordinal));
        await File.WriteAllTextAsync(Path.Combine(stored._folder, "revenuedb.sql"),
            string.Join('\n', lines).Replace(Path.GetDirectoryName(inputFile)!, FormerFolder, StringComparison.Ordinal));
        var expected = new { receipt, users = totals.Users.ToDictionary(user => user.Key, user => user.Value.ToString(null, null)) };
        await File.WriteAllTextAsync(
            Path.Combine(stored._folder, "expected.json"), JsonSerializer.Serialize(expected, Indented) + "\n", new UTF8Encoding(false));
    }

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private JsonElement Expected()
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(_folder, "expected.json")));
        return json.RootElement.Clone();
    }

    private static void CopyFolder(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(from))
        {
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)), overwrite: true);
        }
    }
}
