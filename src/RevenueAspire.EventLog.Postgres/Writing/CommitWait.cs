using Npgsql;
using NpgsqlTypes;
using RevenueAspire.EventLog.Writing;

namespace RevenueAspire.EventLog.Postgres.Writing;

/// <summary>The writer abandoned a commit and its connection. The next session settles the commit.</summary>
internal sealed class CommitAbandonedException() : TimeoutException("the database does not answer");

/// <summary>Waits for a commit, and reports a slow one. Used by the writer thread.</summary>
/// <remarks>It never cancels a commit, because Postgres reports success after a cancelled wait for standbys (rule R1). Instead the writer thread stops waiting,
/// and may abandon the connection.</remarks>
internal sealed class CommitWait(NpgsqlDataSource database, TimeSpan patience)
{
    /// <summary>Interval of the queries for the reason of an overdue commit.</summary>
    private static readonly TimeSpan AskInterval = TimeSpan.FromSeconds(1);

    /// <summary>The writer abandons the commit and its connection if the server has not listed the commit as waiting for this long.</summary>
    private static readonly TimeSpan LostPatience = TimeSpan.FromSeconds(30);

    /// <summary>Commits, and disposes of the batch.</summary>
    /// <exception cref="CommitAbandonedException">The server no longer shows the commit, or the process is stopping. The caller must not use the session any
    /// more.</exception>
    public CommitOutcome Run(LogSession session, Batch batch, ICommitObserver observer, CancellationToken stop)
    {
        var append = session.AppendAsync(batch);
        try
        {
            if (!EndsWithin(append, patience))
            {
                WaitForOverdue(session, append, observer, stop);
            }
        }
        catch (CommitAbandonedException)
        {
            // The running statement may still read the buffers, so free them and the connection only after it ends.
            _ = FreeAfterAsync(append, batch, session);
            throw;
        }

        try
        {
            return append.GetAwaiter().GetResult();
        }
        finally
        {
            batch.Dispose();
        }
    }

    /// <summary>Waits for a task to end, without rethrowing its exception.</summary>
    public static bool EndsWithin(Task task, TimeSpan time) => Task.WaitAny([task], time > TimeSpan.Zero ? time : TimeSpan.Zero) == 0;

    private void WaitForOverdue(LogSession session, Task append, ICommitObserver observer, CancellationToken stop)
    {
        var seen = TimeProvider.System.GetTimestamp();
        do
        {
            var wait = FindWaitAsync(session.BackendId).GetAwaiter().GetResult();
            if (wait is not null)
            {
                seen = TimeProvider.System.GetTimestamp();
            }
            else if (TimeProvider.System.GetElapsedTime(seen) >= LostPatience)
            {
                throw new CommitAbandonedException();
            }

            observer.Overdue(wait is null ? WriterState.Failed : WriterState.Waiting, wait ?? "the database does not answer");
            if (stop.IsCancellationRequested)
            {
                throw new CommitAbandonedException();
            }
        }
        while (!EndsWithin(append, AskInterval));
    }

    /// <summary>Describes the backend's wait; null if the server does not show it or does not answer.</summary>
    /// <param name="backendId">Null with a pooler; then any wait for the standbys in this database explains the commit's.</param>
    private async Task<string?> FindWaitAsync(int? backendId)
    {
        try
        {
            using var limit = new CancellationTokenSource(AskInterval);
            await using var command = database.CreateCommand(
                """
                select coalesce(wait_event, 'nothing') from pg_stat_activity
                where state = 'active' and (pid = $1 or ($1 is null and wait_event = 'SyncRep' and datname = current_database())) limit 1
                """);
            command.Parameters.Add(new NpgsqlParameter { Value = (object?)backendId ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Integer });
            return await command.ExecuteScalarAsync(limit.Token).ConfigureAwait(false) switch
            {
                "SyncRep" => "a commit waits for the database's synchronous standbys",
                string other => $"a commit is slow; the database waits for: {other}",
                _ => null,
            };
        }
        catch (Exception exception) when (PostgresLogErrors.IsOfDatabase(exception) || exception is OperationCanceledException)
        {
            return null;
        }
    }

    private static async Task FreeAfterAsync(Task append, Batch batch, LogSession session)
    {
        await append.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        batch.Dispose();
        await session.DisposeAsync().ConfigureAwait(false);
    }
}
