using System.Diagnostics.Metrics;
using Npgsql;
using RevenueAspire.CommandLine;
using RevenueAspire.Events;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Applying;

namespace RevenueAspire.Processor.CommandLine;

/// <summary>The services of a command, created on first use. Not thread-safe during that use.</summary>
internal sealed class CommandServices(
    ProcessorOptions options, HistoryOptions history, EventTypes types, Func<NpgsqlDataSource> buildDatabase) : IAsyncDisposable
{
    private NpgsqlDataSource? _database;
    private DatabaseRetry? _retry;
    private ApplyServices? _applying;

    public ProcessorOptions Options { get; } = options;

    public HistoryOptions History { get; } = history;

    public EventTypes Types { get; } = types;

    /// <summary>The ledger's database.</summary>
    /// <exception cref="UserErrorException">The database is not configured.</exception>
    public NpgsqlDataSource Database => _database ??= buildDatabase();

    /// <summary>Gives up after <see cref="ProcessorOptions.RetrySeconds"/>.</summary>
    public DatabaseRetry Retry =>
        _retry ??= new DatabaseRetry(TimeSpan.FromSeconds(Options.RetrySeconds), TimeProvider.System, new CommandLogger<DatabaseRetry>(), Database);

    public ApplyServices Applying => _applying ??= new ApplyServices(
        Database, Retry, Types, Options, new ProcessorMetrics(new Meter(ProcessorMetrics.MeterName)), new CommandLogger<ApplyServices>());

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_database is not null)
        {
            await _database.DisposeAsync().ConfigureAwait(false);
        }

        _applying?.Metrics.Dispose();
    }
}
