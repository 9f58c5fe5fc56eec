using Npgsql;
using RevenueAspire.Testing;
using RevenueAspire.Torture.Stage;

namespace RevenueAspire.Torture.Faults;

/// <summary>Ends the pooler between the services and the database server, freezes it, makes it drop connections, or takes its sessions.</summary>
internal static class PoolerFaults
{
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(5);

    public static IEnumerable<Fault> All =>
    [
        Of("kill -9 pooler", async (context, pooler) =>
        {
            await pooler.KillAsync();
            var down = await context.PauseAsync(0, 3);
            await pooler.StartAsync();
            return $"down for {down}";
        }),
        Of("restart pooler", async (context, pooler) =>
        {
            var afterTransactions = context.Random.Next(2) == 0;
            pooler.PoolSize = Pooler.NextPoolSize(context.Random);
            await pooler.StopAsync(afterTransactions, StopLimit);
            await pooler.StartAsync();
            return $"{(afterTransactions ? "after the running transactions" : "at once")}, then {pooler.PoolSize} sessions";
        }),
        Of("SIGSTOP pooler", async (context, pooler) =>
        {
            pooler.Send(Signal.Stop);
            var still = await context.PauseAsync(0.5, 6);
            pooler.Send(Signal.Continue);
            return $"for {still}";
        }),
        Of("pooler reloaded and reconnected", async (context, pooler) =>
        {
            pooler.PoolSize = Pooler.NextPoolSize(context.Random);
            await pooler.ReloadAsync();
            await pooler.ExecuteAsync("RECONNECT", CancellationToken.None);
            return $"with {pooler.PoolSize} sessions";
        }),
        Of("pooler paused", async (context, pooler) =>
        {
            using var stop = new CancellationTokenSource();
            var pausing = pooler.ExecuteAsync("PAUSE", stop.Token);
            var pause = await context.PauseAsync(0.5, 5);

            // Cancelling closes the connection, which ends a PAUSE that still waits for a transaction.
            await stop.CancelAsync();
            await Task.WhenAny(pausing);
            try
            {
                await pooler.ExecuteAsync("RESUME", CancellationToken.None);
                return $"for {pause}";
            }
            catch (IOException)
            {
                return $"requested, but a transaction ran for the whole {pause}";
            }
        }),
        Of("database killed at the pooler", async (context, pooler) =>
        {
            await pooler.ExecuteAsync($"KILL {PostgresHost.Database}", CancellationToken.None);
            var pause = await context.PauseAsync(0, 3);
            await pooler.ExecuteAsync($"RESUME {PostgresHost.Database}", CancellationToken.None);
            return $"for {pause}";
        }),
        Of("pool exhausted", ExhaustAsync),
    ];

    private static Fault Of(string name, Func<FaultContext, PgBouncer, Task<string>> run) =>
        new(FaultKinds.Pooler, name, context => context.WithPoolerAsync(() => run(context, context.Stage.Pooler!.PgBouncer)));

    /// <summary>
    /// Lets foreign transactions hold every session for a while. In half of the cases, the pooler disconnects clients that wait for a session longer than a
    /// second.
    /// </summary>
    private static async Task<string> ExhaustAsync(FaultContext context, PgBouncer pooler)
    {
        var isImpatient = context.Random.Next(2) == 0;
        if (isImpatient)
        {
            await pooler.ExecuteAsync("SET query_wait_timeout = 1", CancellationToken.None);
        }

        var pause = context.Between(0.5, 5);
        var held = await Task.WhenAll(Enumerable.Range(0, pooler.PoolSize).Select(_ => HoldAsync(pooler.ConnectionString, pause)));
        if (isImpatient)
        {
            await pooler.ExecuteAsync("SET query_wait_timeout = 120", CancellationToken.None);
        }

        var waiting = isImpatient ? ", waiting clients disconnected" : "";
        return FormattableString.Invariant($"{held.Count(isHeld => isHeld)} of {pooler.PoolSize} sessions taken for {pause.TotalSeconds:0.0} s{waiting}");
    }

    /// <summary>Whether this client, in competition with the services, got a session and kept it.</summary>
    private static async Task<bool> HoldAsync(string connectionString, TimeSpan pause)
    {
        try
        {
            await using var connection = new NpgsqlConnection(connectionString + ";Pooling=false;Server Compatibility Mode=NoTypeLoading");
            await connection.OpenAsync();
            await using var transaction = await connection.BeginTransactionAsync();
            await using var command = new NpgsqlCommand("select 1", connection, transaction);
            await command.ExecuteScalarAsync();
            await Task.Delay(pause);
            await transaction.RollbackAsync();
            return true;
        }
        catch (Exception broken) when (broken is NpgsqlException or TimeoutException or IOException or InvalidOperationException)
        {
            // The pooler or another fault closed the connection.
            return false;
        }
    }
}
