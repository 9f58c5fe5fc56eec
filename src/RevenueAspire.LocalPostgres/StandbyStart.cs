using Npgsql;
using RevenueAspire.LocalPostgres.Data;
using RevenueAspire.LocalPostgres.Processes;

namespace RevenueAspire.LocalPostgres;

/// <summary>Starts a standby on its data directory, or on a new copy of its primary if the directory can no longer follow it.</summary>
internal static class StandbyStart
{
    private static readonly TimeSpan CatchUpLimit = TimeSpan.FromSeconds(30);

    public static async Task<LocalPostgresServer> RunAsync(LocalPostgresOptions options, CancellationToken cancellationToken)
    {
        var primary = await PrimaryState.ReadAsync(options.StandbyOf!.Port, options.Password, cancellationToken);
        var server = await LocalPostgresServer.StartAsync(options, primary, cancellationToken);
        if (primary is null || await CanFollowAsync(server, primary, cancellationToken))
        {
            return server;
        }

        await server.StopAsync(cancellationToken);
        options.Log?.Invoke($"{options.DataDirectory} can no longer follow the primary and is copied again");
        StandbyFiles.Forget(options.DataDirectory);
        return await LocalPostgresServer.StartAsync(options, primary, cancellationToken);
    }

    /// <summary>Waits, for at most 30 s, until a standby has received everything up to the given position of the primary. False if the standby can never
    /// follow.</summary>
    private static async Task<bool> CanFollowAsync(LocalPostgresServer server, PrimaryState primary, CancellationToken cancellationToken)
    {
        const string reached = """
            select exists (select from pg_stat_wal_receiver where status = 'streaming')
                   and (greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0')::bigint
            """;
        try
        {
            PostgresException? refusal = null;
            var end = Environment.TickCount64 + (long)CatchUpLimit.TotalMilliseconds;
            for (; Environment.TickCount64 < end; await Task.Delay(50, cancellationToken))
            {
                if (ServerMessages.CannotFollow(server.LastLines))
                {
                    return false;
                }

                try
                {
                    if (await server.ScalarAsync($"{reached} >= {primary.Position}", cancellationToken) is true)
                    {
                        return true;
                    }

                    refusal = null;
                }
                catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.InvalidPassword)
                {
                    // The standby may not have received the primary's new password yet.
                    refusal = exception;
                }
            }

            return refusal is null ? true : throw refusal;
        }
        catch (Exception exception)
        {
            await server.DisposeAsync();
            if (exception is NpgsqlException)
            {
                throw new LocalPostgresException(
                    $"The standby on {server.DataDirectory} started but does not answer: {ServerMessages.Summarize(server.LastLines)}", exception);
            }

            throw;
        }
    }
}
