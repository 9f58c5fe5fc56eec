using System.Diagnostics.Metrics;
using System.Numerics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using RevenueAspire.Events;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Processor.Processing;
using RevenueAspire.Processor.Reading;
using RevenueAspire.Processor.Verifying;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.Support;

/// <summary>A database with the schema, a folder for files, and the processor's parts, assembled as in the program.</summary>
internal sealed class LedgerFixture : TestDatabase
{
    private readonly ServiceProvider _metrics = new ServiceCollection().AddMetrics().BuildServiceProvider();

    private LedgerFixture(string connectionString)
        : base(connectionString)
    {
        Sources = new SourceRegistry(Database);
    }

    /// <summary>The meter factory of these <see cref="Services"/>, which separates their meters from those of parallel tests.</summary>
    public IMeterFactory Meters => _metrics.GetRequiredService<IMeterFactory>();

    public SourceRegistry Sources { get; }

    public bool KeepsHistory => History is not null;

    private HistoryWriter? History { get; set; }

    public TempDirectory Folder { get; } = new();

    /// <summary>Creates a fixture in a new database of the tests' server, or in an empty database of another server.</summary>
    /// <param name="connectionString">Connection string of the empty database.</param>
    /// <param name="keepsHistory">Whether all <see cref="Services"/> write the history; <see cref="VerifyAsync"/> compares it.</param>
    public static async Task<LedgerFixture> CreateAsync(string? connectionString = null, bool keepsHistory = true)
    {
        var fixture = new LedgerFixture(connectionString ?? await TestPostgres.CreateDatabaseAsync());
        await LedgerSchema.ApplyAsync(fixture.Database, CancellationToken.None);
        if (keepsHistory)
        {
            await fixture.EnableHistoryAsync();
        }

        return fixture;
    }

    /// <summary>Starts the history. All later <see cref="Services"/> write it.</summary>
    public async Task EnableHistoryAsync() =>
        History = await LedgerHistory.EnableAsync(Database, EventTypes.Default.Signs, CancellationToken.None);

    /// <summary>Limits so small that a file of some hundred lines reaches every code path.</summary>
    public static ProcessorOptions Tiny(Random? random = null) => new()
    {
        RangeBytes = random?.Next(3000, 20_000) ?? 3000,
        BlockBytes = random?.Next(100, 5000) ?? 512,
        MaxUsersInMemory = random?.Next(20, 200) ?? 40,
        MaxRejectsPerRange = random?.Next(3, 20) ?? 5,
        MergeBatchRows = random?.Next(3, 30) ?? 7,
        Connections = random?.Next(1, 5) ?? 2,
        Workers = random?.Next(1, 4) ?? 2,
        LeaseSeconds = 2,
    };

    public ApplyServices Services(ProcessorOptions? options = null, EventTypes? types = null, NpgsqlDataSource? database = null,
        Microsoft.Extensions.Logging.ILogger<ApplyServices>? logger = null)
    {
        var retry = new DatabaseRetry(TimeSpan.FromSeconds(30), TimeProvider.System, NullLogger<DatabaseRetry>.Instance);
        var metrics = new ProcessorMetrics(Meters.Create(ProcessorMetrics.MeterName));
        return new ApplyServices(
            database ?? Database, retry, types ?? EventTypes.Default, options ?? new ProcessorOptions(), metrics, logger ?? NullLogger<ApplyServices>.Instance)
        {
            History = KeepsHistory && types is not null
                ? Task.Run(() => LedgerHistory.EnableAsync(Database, types.Signs, CancellationToken.None)).GetAwaiter().GetResult() : History,
        };
    }

    public string Write(string name, byte[] bytes)
    {
        var path = Folder.File(name);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    public async Task<ProcessOutcome> ProcessAsync(
        string path, ProcessorOptions? options = null, bool again = false, EventTypes? types = null, CancellationToken cancellationToken = default)
    {
        var services = Services(options, types);
        using var file = FileSourceReader.Open(path, services.Options.MaxLineBytes);
        return await new FileProcess(services).RunAsync(file, path, again, new RunProgress(path), cancellationToken);
    }

    /// <summary>Verifies the ledger. By default, also asserts that the totals of all sources are correct.</summary>
    public async Task<(VerifyResult Result, List<LedgerDifference> Differences)> VerifyAsync(
        ProcessorOptions? options = null, EventTypes? types = null, bool totalsDiffer = false)
    {
        var differences = new List<LedgerDifference>();
        var result = await new LedgerVerifier(Database, types ?? EventTypes.Default, options ?? new ProcessorOptions()).RunAsync(
            differences.Add, CancellationToken.None);
        Assert.True(totalsDiffer == result.Totals.Count > 0, $"{string.Join("; ", result.Totals)}, {Seed.Hint}");
        return (result, differences);
    }

    public async Task<IReadOnlyDictionary<string, BigInteger>> BalancesAsync() => (await ReadTotalsAsync()).Users;

    /// <summary>Asserts that the table has exactly the sums of these files; a file can be given several times.</summary>
    public async Task AssertBalancesAsync(params EventFile[] files)
    {
        var expected = new Totals();
        Array.ForEach(files, file => expected.Add(file.Totals));
        var difference = expected.DifferenceTo(await ReadTotalsAsync());
        Assert.True(difference.Length == 0, $"{difference}, {Seed.Hint}");
    }

    public async Task<List<long>> RejectedLinesAsync()
    {
        var lines = new List<long>();
        await using var read = Database.CreateCommand("select line from rejected_event order by source_id, \"offset\"");
        await using var rows = await read.ExecuteReaderAsync();
        while (await rows.ReadAsync())
        {
            lines.Add(rows.GetInt64(0));
        }

        return lines;
    }

    /// <summary>The database's number of transactions so far. A backend reports its transactions about a second late, or at its end.</summary>
    public async Task<long> TransactionsAsync()
    {
        Database.Clear();
        await Task.Delay(TimeSpan.FromSeconds(1.5));
        return await ScalarAsync<long>("select xact_commit from pg_stat_database where datname = current_database()");
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _metrics.DisposeAsync();
        Folder.Dispose();
    }

    private async Task<Totals> ReadTotalsAsync()
    {
        await using var connection = await Database.OpenConnectionAsync();
        return await Totals.ReadAsync(connection);
    }
}
