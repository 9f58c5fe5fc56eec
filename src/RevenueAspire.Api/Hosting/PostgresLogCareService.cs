using Microsoft.Extensions.Options;
using Npgsql;
using RevenueAspire.Api.Reads;
using RevenueAspire.EventLog;
using RevenueAspire.EventLog.Postgres;
using RevenueAspire.Postgres;

namespace RevenueAspire.Api.Hosting;

/// <summary>With <c>EventLog:Engine=Postgres</c>: closes the logs of processes that have ended, folds or removes what the ledger has of them, and forgets old keys.</summary>
/// <remarks>Each process of the API does it; they do not get in each other's way.</remarks>
internal sealed partial class PostgresLogCareService(
    NpgsqlDataSource database, LedgerReader ledger, IOptions<EventLogOptions> options, TimeProvider time, ILogger<PostgresLogCareService> logger, ILogger<PostgresLogCaretaker> careLogger)
    : LogCareService(Interval, time)
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(20);

    private readonly PostgresLogCaretaker _caretaker = new(database, options.Value, ledger.FindAppliedThroughAsync, careLogger);

    protected override async Task TidyAsync(CancellationToken stoppingToken)
    {
        try
        {
            await _caretaker.TidyAsync(stoppingToken);
        }
        catch (Exception exception)
        {
            DatabaseErrors.DropConnections(database, exception);
            throw;
        }
    }

    protected override void LogNotTidied(string reason) => LogCareFailed(logger, reason);

    [LoggerMessage(2002, LogLevel.Warning, "The logs in Postgres could not be tidied up: {Reason} It is tried again.")]
    private static partial void LogCareFailed(ILogger logger, string reason);
}
