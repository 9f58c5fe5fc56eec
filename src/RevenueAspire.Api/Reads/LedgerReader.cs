using System.Security.Authentication;
using Npgsql;
using RevenueAspire.Api.Hosting;
using RevenueAspire.Ledger;
using RevenueAspire.Postgres;
using RevenueAspire.ServiceDefaults;

namespace RevenueAspire.Api.Reads;

/// <summary>Reads the ledger for the API, and knows whether the database is there. Thread-safe; every read has a limit of time.</summary>
internal sealed partial class LedgerReader(IServiceProvider services, IConfiguration configuration, ILogger<LedgerReader> logger)
{
    /// <summary>How long a read may take, waiting for a connection included.</summary>
    internal static readonly TimeSpan ReadTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Until the schema was tried once, an empty database would look unavailable.</summary>
    private readonly TaskCompletionSource _schemaTried = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>0 not known yet, 1 available, 2 unavailable.</summary>
    private int _state;

    /// <inheritdoc cref="LedgerQueries.FindRevenueAsync"/>
    /// <exception cref="LedgerUnavailableException">The database cannot be asked now.</exception>
    public Task<string?> FindRevenueAsync(string userId, CancellationToken cancellationToken) =>
        ReadAsync((queries, cancellation) => queries.FindRevenueAsync(userId, cancellation), cancellationToken);

    /// <inheritdoc cref="LedgerQueries.FindSettledRevenueAsync"/>
    /// <exception cref="LedgerUnavailableException">The database cannot be asked now.</exception>
    public Task<string?> FindSettledRevenueAsync(string userId, CancellationToken cancellationToken) =>
        ReadAsync((queries, cancellation) => queries.FindSettledRevenueAsync(userId, cancellation), cancellationToken);

    /// <inheritdoc cref="LedgerQueries.FindAppliedThroughAsync"/>
    /// <exception cref="LedgerUnavailableException">The database cannot be asked now.</exception>
    public Task<long?> FindAppliedThroughAsync(Guid logId, CancellationToken cancellationToken) =>
        ReadAsync((queries, cancellation) => queries.FindAppliedThroughAsync(logId, cancellation), cancellationToken);

    /// <inheritdoc cref="ReplicationBarrier.PassAsync"/>
    /// <exception cref="LedgerUnavailableException">The standbys have not confirmed in time.</exception>
    public async Task ConfirmCommitsAsync(CancellationToken cancellationToken)
    {
        var database = services.GetRequiredService<NpgsqlDataSource>();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(ReadTimeout);
        try
        {
            await ReplicationBarrier.PassAsync(database, limit.Token);
        }
        catch (NpgsqlException exception)
        {
            // A read never finds out that its session is read-only.
            DatabaseErrors.DropConnections(database, exception);
            throw;
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw new LedgerUnavailableException($"The database's standbys did not confirm within {ReadTimeout.TotalSeconds} s.", exception);
        }
    }

    /// <inheritdoc cref="LedgerQueries.FindRejectReasonAsync"/>
    /// <exception cref="LedgerUnavailableException">The database cannot be asked now.</exception>
    public Task<string?> FindRejectReasonAsync(Guid logId, long offset, CancellationToken cancellationToken) =>
        ReadAsync((queries, cancellation) => queries.FindRejectReasonAsync(logId, offset, cancellation), cancellationToken);

    /// <inheritdoc cref="OverviewQueries.ReadAsync"/>
    /// <exception cref="LedgerUnavailableException">The database cannot be asked now.</exception>
    public Task<LedgerOverview> ReadOverviewAsync(Guid[] sources, int rejects, CancellationToken cancellationToken) =>
        ReadAsync((_, cancellation) => services.GetRequiredService<OverviewQueries>().ReadAsync(sources, rejects, cancellation), cancellationToken);

    /// <inheritdoc cref="OverviewQueries.FindTopUsersAsync"/>
    /// <exception cref="LedgerUnavailableException">The database cannot be asked now.</exception>
    public Task<IReadOnlyList<UserBalance>?> FindTopUsersAsync(int count, TimeSpan limit, CancellationToken cancellationToken) =>
        UseAsync(cancellation => services.GetRequiredService<OverviewQueries>().FindTopUsersAsync(count, limit, cancellation), limit + ReadTimeout,
            cancellationToken);

    /// <summary>Checks what the ledger relies on, and reads the source of a log. Null where there is no ledger yet.</summary>
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
    /// <exception cref="LedgerUnavailableException">The database cannot be asked now.</exception>
    /// <exception cref="LedgerException">The database holds something else.</exception>
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

    private Task<T> ReadAsync<T>(Func<LedgerQueries, CancellationToken, Task<T>> read, CancellationToken cancellationToken) =>
        UseAsync(
            async cancellation =>
            {
                await _schemaTried.Task.WaitAsync(cancellation);
                return await read(services.GetRequiredService<LedgerQueries>(), cancellation);
            },
            ReadTimeout, cancellationToken);

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
        catch (ArgumentException exception)
        {
            // The driver's text about a connection string may hold its password.
            throw Unavailable($"The driver does not take a setting of ConnectionStrings:{DatabaseExtensions.DatabaseName}.", exception);
        }
        catch (Exception exception) when (exception is IOException or AuthenticationException)
        {
            // What the driver says of a handshake before it has a connection to speak of.
            throw Unavailable(exception.Message, exception);
        }
        finally
        {
            // The driver's answer came on a thread that waits for sockets; the caller may have files to remove.
            await SocketThreads.MoveToPoolAsync();
        }
    }

    /// <summary>Logs one line when the database becomes unavailable, and one when it is back.</summary>
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
        "The database is away: {Reason}. Reads answer 503 until it is back. With the log in files, events are still accepted.")]
    private static partial void LogUnavailable(ILogger logger, string reason);

    [LoggerMessage(EventIds.DatabaseBack, LogLevel.Information, "The database is back.")]
    private static partial void LogBack(ILogger logger);
}

/// <summary>The ledger as of one inspection.</summary>
/// <param name="State">Where it is, and whether its content is right.</param>
/// <param name="Source">The log, as the ledger knows it; null: not at all.</param>
/// <param name="Durability">What the server's commits wait for.</param>
internal sealed record LedgerInspection(LedgerState State, LedgerSource? Source, ServerDurability Durability);

/// <summary>The database cannot be asked now; a retry may help.</summary>
internal sealed class LedgerUnavailableException(string message, Exception? inner) : Exception(message, inner);
