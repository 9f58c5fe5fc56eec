using Npgsql;
using RevenueAspire.EventLog.Postgres.Writing;
using RevenueAspire.EventLog.Writing;

namespace RevenueAspire.EventLog.Postgres;

/// <content>A commit, and what its callers hear while the database takes long over it.</content>
/// <remarks>A commit is never cancelled: Postgres answers a cancelled wait for its standbys with success (rule R1). The loop stops waiting instead, and may give the connection up.</remarks>
public sealed partial class PostgresEventLog
{
    /// <summary>Between two questions what an overdue commit waits for.</summary>
    private static readonly TimeSpan AskInterval = TimeSpan.FromSeconds(1);

    /// <summary>A commit that the server has not shown as waiting for this long is given up with its connection. The next session settles it.</summary>
    private static readonly TimeSpan LostPatience = TimeSpan.FromSeconds(30);

    private async Task<CommitOutcome> CommitAsync(Commit commit)
    {
        var session = _session!;
        var append = session.AppendAsync(commit);
        try
        {
            if (!await EndsWithinAsync(append, _doubtPatience).ConfigureAwait(false))
            {
                await WaitForOverdueAsync(session, append).ConfigureAwait(false);
            }
        }
        catch (TimeoutException)
        {
            // The statement may still read the buffers, and the connection cannot be closed under it.
            _session = null;
            _ = FreeAfterAsync(append, commit, session);
            throw;
        }

        try
        {
            return await append.ConfigureAwait(false);
        }
        finally
        {
            commit.Dispose();
        }
    }

    /// <exception cref="TimeoutException">The server no longer shows the commit, or the process is to stop.</exception>
    private async Task WaitForOverdueAsync(LogSession session, Task append)
    {
        var seen = TimeProvider.System.GetTimestamp();
        do
        {
            var wait = await FindWaitAsync(session.BackendId).ConfigureAwait(false);
            if (wait is not null)
            {
                seen = TimeProvider.System.GetTimestamp();
            }
            else if (TimeProvider.System.GetElapsedTime(seen) >= LostPatience)
            {
                throw new TimeoutException();
            }

            AnswerOverdue(wait is null ? WriterState.Failed : WriterState.Waiting, wait ?? "the database does not answer");
            if (_stop.IsCancellationRequested)
            {
                throw new TimeoutException();
            }
        }
        while (!await EndsWithinAsync(append, AskInterval).ConfigureAwait(false));

        lock (_gate)
        {
            (_state, _error) = (WriterState.Running, null);
        }
    }

    /// <summary>What the backend waits for, in words; null when the server does not show it or does not answer.</summary>
    private async Task<string?> FindWaitAsync(int backendId)
    {
        try
        {
            using var limit = new CancellationTokenSource(AskInterval);
            await using var command = _database.CreateCommand("select coalesce(wait_event, 'nothing') from pg_stat_activity where pid = $1 and state = 'active'");
            command.Parameters.Add(new NpgsqlParameter { Value = backendId });
            return await command.ExecuteScalarAsync(limit.Token).ConfigureAwait(false) switch
            {
                "SyncRep" => "a commit waits for the database's synchronous standbys",
                string other => $"a commit takes long in the database, which waits for: {other}",
                _ => null,
            };
        }
        catch (Exception exception) when (PostgresLogErrors.IsOfDatabase(exception) || exception is OperationCanceledException)
        {
            return null;
        }
    }

    /// <summary>Answers the appends of the overdue commit with 'not known', refuses what is queued, and refuses new appends until the commit has ended.</summary>
    private void AnswerOverdue(WriterState state, string reason)
    {
        List<PendingAppend> queued = [];
        lock (_gate)
        {
            (_state, _error) = (state, reason);
            _queue.Take(queued, long.MaxValue);
        }

        if (_taken.Count > 0)
        {
            LogOverdue(_logger, Name, reason, _taken.Count);
        }

        Answer(new AppendResult(AppendStatus.InDoubt, default, 0, 0, reason));
        _taken.AddRange(queued);
        Answer(Unavailable(reason));
        _answers = _answers.RunOnPool();
    }

    private static async Task<bool> EndsWithinAsync(Task append, TimeSpan time)
    {
        // The exception of the append itself is the caller's: it ended.
        await append.WaitAsync(time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return append.IsCompleted;
    }

    private static async Task FreeAfterAsync(Task append, Commit commit, LogSession session)
    {
        await append.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        commit.Dispose();
        await session.DisposeAsync().ConfigureAwait(false);
    }
}
