namespace RevenueAspire.Api.Reads;

/// <summary>Applies the schema as soon as the database is there. The API does not wait for it.</summary>
internal sealed partial class SchemaSetup(LedgerReader ledger, TimeProvider time, ILogger<SchemaSetup> logger) : BackgroundService
{
    private static readonly TimeSpan RetryMin = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan RetryMax = TimeSpan.FromSeconds(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await RunAsync(stoppingToken);
        }
        catch (Exception exception) when (stoppingToken.IsCancellationRequested || exception is OperationCanceledException or ObjectDisposedException)
        {
            // The end of the API, however the driver reports it. A start that failed (a port in use, for example) takes the data source away before it
            // stops this service, and the host would report that as a failure of the host.
        }
    }

    private async Task RunAsync(CancellationToken stoppingToken)
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
                // Logged by the reader, once.
            }
            catch (Exception exception) when (exception is not (OperationCanceledException or ObjectDisposedException))
            {
                // Whatever the database or its driver has to say, it does not end the API, which accepts events without it. The same line is not logged twice:
                // a person has to act.
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

    [LoggerMessage(EventIds.DatabaseUnusable, LogLevel.Error, "The database cannot serve as ledger: {Reason}")]
    private static partial void LogUnusable(ILogger logger, string reason);
}
