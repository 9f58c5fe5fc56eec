using System.Diagnostics;
using Npgsql;
using RevenueAspire.Testing;
using RevenueAspire.Torture.Stage;

namespace RevenueAspire.Torture.Faults;

/// <summary>Ends the database server, makes it refuse connections, or makes its clients wait.</summary>
internal static class PostgresFaults
{
    private const string Backends = "from pg_stat_activity where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()";

    public static IEnumerable<Fault> All(LogEngine engine) =>
    [
        Of("kill -9 backend", async context =>
        {
            if (await ChooseBackendAsync(context) is { } pid)
            {
                using var backend = Process.GetProcessById(pid);
                backend.Kill();
            }

            return "";
        }),
        Of("kill -9 postmaster", async context =>
        {
            await context.Stage.Postgres.KillAsync();
            var down = await context.PauseAsync(0, 3);
            await context.Stage.Postgres.EnsureRunningAsync();
            return $"down for {down}";
        }),
        Of("restart", async context =>
        {
            var immediately = context.Random.Next(2) == 0;
            await context.Stage.Postgres.StopAsync(immediately);
            await context.Stage.Postgres.EnsureRunningAsync();
            return immediately ? "immediate" : "fast";
        }),
        Of("terminate all backends", async context =>
        {
            await context.Stage.Postgres.ExecuteAsync($"select count(pg_terminate_backend(pid)) {Backends}");
            return "";
        }),
        Of("cancel all statements", async context =>
        {
            for (var i = 0; i < 20; i++)
            {
                await context.Stage.Postgres.ExecuteAsync($"select count(pg_cancel_backend(pid)) {Backends}");
                await Task.Delay(context.Random.Next(50));
            }

            return "20 times";
        }),
        Of("SIGSTOP backend", async context =>
        {
            if (await ChooseBackendAsync(context) is not { } pid)
            {
                return "none ran";
            }

            try
            {
                Signals.Send(pid, Signal.Stop);
                var still = await context.PauseAsync(0.5, 5);
                Signals.Send(pid, Signal.Continue);
                return $"for {still}";
            }
            catch (IOException)
            {
                // The session has already ended: backends of a killed service may end at any moment.
                return "already ended";
            }
        }),
        Of("max_connections reached", ExhaustConnectionsAsync),
        Of("statement_timeout", context =>
            WithSettingAsync(context, "statement_timeout", FormattableString.Invariant($"'{context.Random.Next(1, 15)}ms'"), 0.5, 4)),
        Of("read-only", context => WithSettingAsync(context, "default_transaction_read_only", "on", 0.5, 5)),
        Of("database read-only", MakeDatabaseReadOnlyAsync),
        Of("serializable and a foreign writer", SerializeAsync),
        Of("row of a user locked", context =>
            HoldAsync(context, "select user_id from users_revenue where user_id = (select min(user_id) from users_revenue where user_id >= chr(32 + "
                + "floor(random() * 90)::int)) for update", 1, 13)),
        Of("row of the log locked", context => HoldAsync(context, "select source_id from event_source where kind = 'log' for update", 1, 13)),
        .. engine == LogEngine.Files ? (Fault[])[] :
        [
            Of("logs locked", context => HoldAsync(context, "select log_id from event_log for update", 1, 8)),
            Of("log tables locked", context => HoldAsync(context, "lock table event_log_key, event_log_batch in exclusive mode", 0.5, 3)),
            Of("closed while alive", async context =>
            {
                // An API process does the same to the log of a process that it considers dead.
                await context.Stage.Postgres.ExecuteAsync("update event_log set is_closed = true, epoch = epoch + 1 where not is_closed and end_offset > 0");
                return "";
            }),
        ],
        Of("table locked", context => HoldAsync(context, "lock table users_revenue in exclusive mode", 0.5, 3)),
        Of("table locked against reads too", context => HoldAsync(context, "lock table users_revenue in access exclusive mode", 1, 6)),
        Of("deadlock with a foreign connection", ProvokeDeadlocksAsync),
    ];

    private static Fault Of(string name, Func<FaultContext, Task<string>> run) =>
        new(FaultKinds.Postgres, name, context => context.WithPostgresAsync(() => run(context)));

    /// <summary>The process id of a random session of the services, or null.</summary>
    private static async Task<int?> ChooseBackendAsync(FaultContext context) =>
        await context.Stage.Postgres.ExecuteAsync(
            FormattableString.Invariant($"select pid {Backends} order by md5((pid + {context.Random.Next()})::text) limit 1")) as int?;

    private static async Task<string> ExhaustConnectionsAsync(FaultContext context)
    {
        var taken = new List<NpgsqlConnection>();
        try
        {
            await context.Stage.Postgres.ExecuteAsync($"select count(pg_terminate_backend(pid)) {Backends}");
            while (true)
            {
                taken.Add(await context.Stage.Postgres.ConnectAsync());
            }
        }
        catch (PostgresException full) when (full.SqlState == PostgresErrorCodes.TooManyConnections)
        {
            var pause = await context.PauseAsync(0.5, 4);
            return $"{taken.Count} connections taken by others, for {pause}";
        }
        finally
        {
            foreach (var connection in taken)
            {
                await connection.DisposeAsync();
            }
        }
    }

    /// <summary>Changes a setting of the server for a while; open sessions adopt it.</summary>
    private static async Task<string> WithSettingAsync(FaultContext context, string name, string value, double fromSeconds, double toSeconds)
    {
        await SetAsync($"set {name} = {value}");
        var pause = await context.PauseAsync(fromSeconds, toSeconds);
        await SetAsync($"reset {name}");
        return $"{value} for {pause}";

        async Task SetAsync(string change)
        {
            await context.Stage.Postgres.ExecuteAsync($"alter system {change}");
            await context.Stage.Postgres.ExecuteAsync("select pg_reload_conf()");
        }
    }

    /// <summary>
    /// Changes the database's default, which a session adopts at its start and keeps. The services' sessions stay read-only even after the default is reset,
    /// unless the fault also terminates them.
    /// </summary>
    private static async Task<string> MakeDatabaseReadOnlyAsync(FaultContext context)
    {
        await context.Stage.Postgres.ExecuteAsync($"alter database {PostgresHost.Database} set default_transaction_read_only = on");
        await TerminateAsync();
        var pause = await context.PauseAsync(1, 5);
        await context.Stage.Postgres.ExecuteAsync($"alter database {PostgresHost.Database} reset default_transaction_read_only");
        var terminates = context.Random.Next(2) == 0;
        if (terminates)
        {
            await TerminateAsync();
        }
        else if (context.Stage.Pooler is { } pooler)
        {
            // The services drop their connections, but the pooler's sessions stay read-only. End these sessions, as an operator would.
            await context.WithPoolerAsync(async () =>
            {
                await pooler.PgBouncer.ExecuteAsync("RECONNECT", CancellationToken.None);
                return "";
            });
        }

        return $"for {pause}, {(terminates ? "then sessions terminated" : "sessions left as they are")}";

        Task TerminateAsync() => context.Stage.Postgres.ExecuteAsync($"select count(pg_terminate_backend(pid)) {Backends}");
    }

    /// <summary>Lets a foreign transaction hold a lock, sometimes longer than the statement timeout.</summary>
    private static async Task<string> HoldAsync(FaultContext context, string lockStatement, double fromSeconds, double toSeconds)
    {
        await using var connection = await context.Stage.Postgres.ConnectAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var command = new NpgsqlCommand(lockStatement, connection, transaction);
        await command.ExecuteNonQueryAsync();
        var pause = await context.PauseAsync(fromSeconds, toSeconds);
        await transaction.RollbackAsync();
        return $"for {pause}";
    }

    /// <summary>Makes statements fail with 40001: sessions become serializable by default, while a foreign connection rewrites users.</summary>
    private static async Task<string> SerializeAsync(FaultContext context)
    {
        var writes = 0;
        context.Stage.Refusals.Begin();
        var setting = WithSettingAsync(context, "default_transaction_isolation", "serializable", 1, 4);
        while (!setting.IsCompleted)
        {
            try
            {
                await context.Stage.Postgres.ExecuteAsync(
                    "update users_revenue set revenue = revenue where user_id = (select user_id from users_revenue order by random() limit 1)");
                writes++;
            }
            catch (PostgresException lost) when (lost.SqlState == PostgresErrorCodes.SerializationFailure)
            {
                // A serialization failure hit the foreign connection this time.
            }

            await Task.Delay(10);
        }

        var duration = await setting;
        context.Stage.Refusals.End();
        return $"{duration}, {writes} foreign writes";
    }

    /// <summary>Lets a foreign transaction lock two users that nearly every range has, in the opposite order to the product.</summary>
    private static async Task<string> ProvokeDeadlocksAsync(FaultContext context)
    {
        var before = context.Stage.Postgres.ProvokedDeadlocks;
        for (var attempt = 0; attempt < 3; attempt++)
        {
            await using var connection = await context.Stage.Postgres.ConnectAsync();
            await using var transaction = await connection.BeginTransactionAsync();
            try
            {
                await LockAsync(connection, "😀");
                await Task.Delay(context.Between(0.3, 0.9));
                await LockAsync(connection, "+");
                await Task.Delay(context.Between(0, 0.3));
            }
            catch (PostgresException lost) when (lost.SqlState == PostgresErrorCodes.DeadlockDetected)
            {
                // The server chose the foreign transaction as the victim.
            }

            await transaction.RollbackAsync();
        }

        return $"{context.Stage.Postgres.ProvokedDeadlocks - before} provoked";

        static async Task LockAsync(NpgsqlConnection connection, string user)
        {
            await using var command =
                new NpgsqlCommand("select 1 from users_revenue where user_id = $1 for update", connection) { Parameters = { new() { Value = user } } };
            await command.ExecuteNonQueryAsync();
        }
    }
}
