using Microsoft.Extensions.Logging;
using Npgsql;
using RevenueAspire.EventLog.Postgres;
using RevenueAspire.Postgres;

namespace RevenueAspire.Processor.Reading;

/// <summary>Receives the notifications of all logs in the database after appends, over one connection, with the ends of the logs at the last listing.
/// Thread-safe.</summary>
/// <remarks>
/// A notification needs a session: the connection comes from <c>ConnectionStrings:revenuedb-session</c> where it is set. Through a pooler in transaction mode
/// none arrives, and the followers poll once per second, as they do after a lost notification.
/// </remarks>
internal sealed partial class LogNotifications(NpgsqlDataSource database, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(60);
    private IReadOnlyDictionary<Guid, long> _ends = new Dictionary<Guid, long>();
    private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Listens until cancelled, and again after each broken connection. Ends at once where a pooler is in between.</summary>
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

    /// <summary>Ends with the next notification. Take it before the query after which you await it: an append in between is then not
    /// missed.</summary>
    public Task Next => Volatile.Read(ref _next).Task;

    /// <summary>Reports the ends of the logs that have new records.</summary>
    public void UpdateEnds(IReadOnlyDictionary<Guid, long> ends) => Volatile.Write(ref _ends, ends);

    /// <summary>Where a log ended when it was last listed; 0 when it was not among them.</summary>
    public long EndOf(Guid logId) => Volatile.Read(ref _ends).GetValueOrDefault(logId);

    /// <summary>False: the other end is a pooler.</summary>
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
                // A connection that was dropped on the way says nothing either: asked, it breaks.
                await using var ask = new NpgsqlCommand("select 1", connection);
                await ask.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    [LoggerMessage(EventIds.PoolerWithoutNotifications, LogLevel.Information,
        "A pooler in front of the database passes no notifications: logs are polled once per second. "
        + "ConnectionStrings:revenuedb-session, which leads past the pooler, makes it milliseconds.")]
    private static partial void LogPooler(ILogger logger);
}
