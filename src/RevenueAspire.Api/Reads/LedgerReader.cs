using System.Security.Authentication;
using Npgsql;
using RevenueAspire.Api.Hosting;
using RevenueAspire.Ledger;
using RevenueAspire.Postgres;
using RevenueAspire.ServiceDefaults;

namespace RevenueAspire.Api.Reads;

/// <summary>Reads the ledger for the API, and logs when the database becomes unavailable. Thread-safe; every read has a time limit.</summary>
internal sealed partial class LedgerReader(IServiceProvider services, IConfiguration configuration, ILogger<LedgerReader> logger)
{
    /// <summary>Maximum time of a read, including the wait for a connection.</summary>
    internal static readonly TimeSpan ReadTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Completes after the first attempt to apply the schema. Reads wait for it: until then, an empty database would seem unavailable.</summary>
    private readonly TaskCompletionSource _schemaTried = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>0 not known yet, 1 available, 2 unavailable.</summary>
    private int _state;

    /// <summary>Runs a query.</summary>
    /// <param name="read">The query, with <see cref="LedgerQueries"/>, <see cref="OverviewQueries"/> or <see cref="HistoryQueries"/>.</param>
    /// <param name="limit">Maximum time, including the wait for a connection.</param>
    /// <exception cref="LedgerUnavailableException">The database is unavailable.</exception>
    public Task<T> ReadAsync<TQueries, T>(
        Func<TQueries, CancellationToken, Task<T>> read, CancellationToken cancellationToken, TimeSpan? limit = null) where TQueries : notnull =>
        UseAsync(
            async cancellation =>
            {
                await _schemaTried.Task.WaitAsync(cancellation);
                return await read(services.GetRequiredService<TQueries>(), cancellation);
            },
            limit ?? ReadTimeout, cancellationToken);

    /// <inheritdoc cref="LedgerQueries.FindAppliedThroughAsync"/>
    /// <exception cref="LedgerUnavailableException">The database is unavailable.</exception>
    public Task<long?> FindAppliedThroughAsync(Guid logId, CancellationToken cancellationToken) =>
        ReadAsync((LedgerQueries queries, CancellationToken cancellation) => queries.FindAppliedThroughAsync(logId, cancellation), cancellationToken);

    /// <inheritdoc cref="ReplicationBarrier.PassAsync"/>
    /// <exception cref="LedgerUnavailableException">The standbys did not confirm in time.</exception>
    public async Task<bool> ConfirmAppliedAsync(Guid logId, long through, CancellationToken cancellationToken)
    {
        var database = services.GetRequiredService<NpgsqlDataSource>();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(ReadTimeout);
        try
        {
            return await ReplicationBarrier.PassAsync(database, [(logId, through)], limit.Token);
        }
        catch (NpgsqlException exception)
        {
            // A read works in a read-only session too, so check this explicitly.
            DatabaseErrors.DropConnections(database, exception);
            throw;
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw new LedgerUnavailableException($"The database's standbys did not confirm within {ReadTimeout.TotalSeconds} s.", exception);
        }
    }

    /// <summary>Checks tables and settings of the ledger, and reads the source of a log. Null when there is no ledger yet.</summary>
    /// <inheritdoc cref="ApplySchemaAsync"/>
    public Task<LedgerInspection?> InspectAsync(Guid logId, CancellationToken cancellationToken) =>
        UseAsync(
            async cancellation =>
            {
                var database = services.GetRequiredService<NpgsqlDataSource>();
                return await LedgerSchema.InspectAsync(database, cancellation) is { } state
                    ? new LedgerInspection(
                        state,
                        await new SourceRegistry(database).FindAsync(logId, cancellation),
                        await ServerDurability.ReadAsync(database, cancellation))
                    : null;
            },
            ReadTimeout, cancellationToken);

    /// <summary>Applies the schema.</summary>
    /// <exception cref="LedgerUnavailableException">The database is unavailable.</exception>
    /// <exception cref="LedgerException">The database contains something else.</exception>
    public async Task<LedgerState> ApplySchemaAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await UseAsync(
                cancellation => LedgerSchema.ApplyAsync(services.GetRequiredService<NpgsqlDataSource>(), cancellation),
                Timeout.InfiniteTimeSpan, cancellationToken);
        }
        finally
        {
            _schemaTried.TrySetResult();
        }
    }

    private async Task<T> UseAsync<T>(Func<CancellationToken, Task<T>> use, TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (string.IsNullOrWhiteSpace(configuration.GetConnectionString(DatabaseExtensions.DatabaseName)))
        {
            throw Unavailable($"ConnectionStrings:{DatabaseExtensions.DatabaseName} is not set.", null);
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(timeout);
        try
        {
            var result = await use(limit.Token);
            Available();
            return result;
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw Unavailable($"It did not answer within {timeout.TotalSeconds} s.", exception);
        }
        catch (Exception exception) when (DatabaseErrors.IsOfDatabase(exception))
        {
            DatabaseErrors.DropConnections(services.GetRequiredService<NpgsqlDataSource>(), exception);
            throw Unavailable(DatabaseErrors.Describe(exception), exception);
        }
        catch (Exception exception) when (exception is ArgumentException or IOException or AuthenticationException)
        {
            // A failed handshake, or a connection string that the driver does not accept. The driver's message about the latter may contain its password.
            throw Unavailable(
                exception is ArgumentException
                    ? $"The driver does not accept a setting in ConnectionStrings:{DatabaseExtensions.DatabaseName}." : exception.Message,
                exception);
        }
        finally
        {
            // The driver completes on a thread that polls sockets. Leave it, because the caller may remove files next.
            await SocketThreads.MoveToPoolAsync();
        }
    }

    private LedgerUnavailableException Unavailable(string reason, Exception? exception)
    {
        if (Interlocked.Exchange(ref _state, 2) != 2)
        {
            LogUnavailable(logger, reason.TrimEnd('.'));
        }

        return new LedgerUnavailableException(reason, exception);
    }

    private void Available()
    {
        if (Volatile.Read(ref _state) != 1 && Interlocked.Exchange(ref _state, 1) == 2)
        {
            LogBack(logger);
        }
    }

    [LoggerMessage(EventIds.DatabaseUnavailable, LogLevel.Warning,
        "The database is unavailable: {Reason}. Reads answer 503 until it is back. With the log in files, events are still accepted.")]
    private static partial void LogUnavailable(ILogger logger, string reason);

    [LoggerMessage(EventIds.DatabaseBack, LogLevel.Information, "The database is back.")]
    private static partial void LogBack(ILogger logger);
}

/// <summary>The ledger's state at one inspection.</summary>
/// <param name="Source">The log in the ledger; null when the ledger does not know it.</param>
internal sealed record LedgerInspection(LedgerState State, LedgerSource? Source, ServerDurability Durability);

/// <summary>The database is unavailable; a retry may help.</summary>
internal sealed class LedgerUnavailableException(string message, Exception? inner) : Exception(message, inner);
