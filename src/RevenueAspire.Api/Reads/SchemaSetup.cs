using RevenueAspire.Api.Hosting;

namespace RevenueAspire.Api.Reads;

/// <summary>Applies the schema as soon as the database answers. The API does not wait for it.</summary>
internal sealed partial class SchemaSetup(LedgerReader ledger, TimeProvider time, ILogger<SchemaSetup> logger) : StoppableService
{
    private static readonly TimeSpan RetryMin = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan RetryMax = TimeSpan.FromSeconds(10);

    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        string? reported = null;
        for (var wait = RetryMin; ; wait = TimeSpan.FromTicks(Math.Min(wait.Ticks * 2, RetryMax.Ticks)))
        {
            try
            {
                var state = await ledger.ApplySchemaAsync(stoppingToken);
                LogReady(logger, state.Schema, state.Database);
                foreach (var warning in state.Warnings)
                {
                    LogWarning(logger, warning);
                }

                return;
            }
            catch (LedgerUnavailableException)
            {
                // LedgerReader has logged this.
            }
            catch (Exception exception) when (exception is not (OperationCanceledException or ObjectDisposedException))
            {
                // No error of the database or its driver stops the API, which accepts events without a database. Each cause is logged once.
                if (exception.Message != reported)
                {
                    reported = exception.Message;
                    LogUnusable(logger, exception.Message);
                }
            }

            await Task.Delay(wait, time, stoppingToken);
        }
    }

    [LoggerMessage(EventIds.SchemaReady, LogLevel.Information, "The ledger is in schema {Schema} of database {Database}.")]
    private static partial void LogReady(ILogger logger, string schema, string database);

    [LoggerMessage(EventIds.DatabaseWarning, LogLevel.Warning, "The ledger's database: {Warning}.")]
    private static partial void LogWarning(ILogger logger, string warning);

    [LoggerMessage(EventIds.DatabaseUnusable, LogLevel.Error, "The database cannot hold the ledger: {Reason}")]
    private static partial void LogUnusable(ILogger logger, string reason);
}
