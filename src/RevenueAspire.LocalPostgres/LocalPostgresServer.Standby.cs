using Npgsql;
using RevenueAspire.LocalPostgres.Binaries;
using RevenueAspire.LocalPostgres.Data;
using RevenueAspire.LocalPostgres.Processes;

namespace RevenueAspire.LocalPostgres;

/// <content>Data directories of standbys, and their start.</content>
public sealed partial class LocalPostgresServer
{
    private static readonly TimeSpan CatchUpLimit = TimeSpan.FromSeconds(30);

    /// <summary>Whether the data directory is a standby's: no primary has run on it since it was copied.</summary>
    public static bool IsStandby(string dataDirectory) => StandbyFiles.Exist(dataDirectory);

    /// <summary>Stops a server that an earlier process left behind on the data directory. Returns at once where none runs.</summary>
    /// <exception cref="LocalPostgresException">Another process still needs the server, or it does not end.</exception>
    public static async Task StopLeftoverAsync(LocalPostgresOptions options, CancellationToken cancellationToken)
    {
        if (PostmasterPid.TryRead(options.DataDirectory) is not null)
        {
            var search = options.Search ?? PostgresSearch.Machine();
            var installation = await PostgresBinaries.FindAsync(options.DataDirectory, options.Log, search, cancellationToken);
            await DataDirectoryPreparation.StopLeftoverAsync(installation, options, cancellationToken);
        }
    }

    private static async Task<LocalPostgresServer> StartStandbyAsync(LocalPostgresOptions options, CancellationToken cancellationToken)
    {
        var primary = await PrimaryState.ReadAsync(options.StandbyOf!.Port, options.Password, cancellationToken);
        var server = await StartAsync(options, primary, cancellationToken);
        if (primary is null || await server.CanFollowAsync(primary, cancellationToken))
        {
            return server;
        }

        await server.StopAsync(cancellationToken);
        options.Log?.Invoke($"{options.DataDirectory} cannot follow the primary any more, and is copied again");
        StandbyFiles.Forget(options.DataDirectory);
        return await StartAsync(options, primary, cancellationToken);
    }

    /// <summary>Waits until this standby has all that the primary had when it was asked, up to a limit; false when it never will.</summary>
    private async Task<bool> CanFollowAsync(PrimaryState primary, CancellationToken cancellationToken)
    {
        const string reached = """
            select exists (select from pg_stat_wal_receiver where status = 'streaming')
                   and (greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0')::bigint
            """;
        try
        {
            PostgresException? refusal = null;
            for (var end = Environment.TickCount64 + (long)CatchUpLimit.TotalMilliseconds; Environment.TickCount64 < end; await Task.Delay(50, cancellationToken))
            {
                if (ServerMessages.CannotFollow(_process.LastLines))
                {
                    return false;
                }

                try
                {
                    if (await ScalarAsync($"{reached} >= {primary.Position}", cancellationToken) is true)
                    {
                        return true;
                    }

                    refusal = null;
                }
                catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.InvalidPassword)
                {
                    // A new password is among what it has not received yet.
                    refusal = exception;
                }
            }

            return refusal is null ? true : throw refusal;
        }
        catch (Exception exception)
        {
            await DisposeAsync();
            if (exception is NpgsqlException)
            {
                throw new LocalPostgresException(
                    $"The standby on {_directory.Path} started, but does not answer: {ServerMessages.Summarize(_process.LastLines)}", exception);
            }

            throw;
        }
    }
}
