using Microsoft.Extensions.Logging;
using Npgsql;
using RevenueAspire.EventLog.Postgres;
using RevenueAspire.Postgres;

namespace RevenueAspire.Processor.Reading;

/// <summary>Receives notifications of appends to all logs in the database, over one connection. Also stores the ends of the logs at their last listing.
/// Thread-safe.</summary>
/// <remarks>
/// Notifications need a session, so the connection comes from <c>ConnectionStrings:revenuedb-session</c> if it is set. A pooler in transaction mode passes no
/// notifications. The followers then poll once per second, as they do after a lost notification.
/// </remarks>
internal sealed partial class LogNotifications(NpgsqlDataSource database, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(60);
    private IReadOnlyDictionary<Guid, long> _ends = new Dictionary<Guid, long>();
    private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Listens until cancelled, and reconnects after errors. Returns at once if the connection goes through a pooler.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                if (!await TryListenAsync(cancellationToken).ConfigureAwait(false))
                {
                    return;
                }
            }
            catch (Exception exception) when (
                exception is NpgsqlException or IOException or TimeoutException or System.Net.Sockets.SocketException or OperationCanceledException)
            {
                // The followers use the same database, and report its errors.
            }

            await Task.Delay(Pause, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Completes at the next notification. Get it before the query, and await it after the query, so that no append is missed.</summary>
    public Task Next => Volatile.Read(ref _next).Task;

    /// <summary>Stores the ends of the logs in a new listing.</summary>
    public void UpdateEnds(IReadOnlyDictionary<Guid, long> ends) => Volatile.Write(ref _ends, ends);

    /// <summary>The end of a log at the last listing; 0 if it was not listed.</summary>
    public long EndOf(Guid logId) => Volatile.Read(ref _ends).GetValueOrDefault(logId);

    /// <summary>Listens until an error. Returns false at once if the connection goes through a pooler.</summary>
    private async Task<bool> TryListenAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        if (NamedStatements.IsPooler(connection))
        {
            LogPooler(logger);
            return false;
        }

        connection.Notification += (_, _) => Interlocked.Exchange(ref _next, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
        await using (var listen = new NpgsqlCommand($"listen {PostgresLogs.Channel}", connection))
        {
            await listen.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }

        while (true)
        {
            if (!await connection.WaitAsync(Silence, cancellationToken).ConfigureAwait(false))
            {
                // A dropped connection is silent too. A query makes it fail.
                await using var ask = new NpgsqlCommand("select 1", connection);
                await ask.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    [LoggerMessage(EventIds.PoolerWithoutNotifications, LogLevel.Information,
        "A pooler in front of the database passes no notifications, so logs are polled once per second. "
        + "To react within milliseconds, let ConnectionStrings:revenuedb-session bypass the pooler.")]
    private static partial void LogPooler(ILogger logger);
}
