using System.Net.Sockets;
using Npgsql;
using RevenueAspire.CommandLine;
using RevenueAspire.Ledger;
using RevenueAspire.Postgres;

namespace RevenueAspire.Processor.CommandLine;

/// <summary>Opens the database for a command. Reports an error that the user must fix at once, instead of after a minute of retries.</summary>
internal static class CommandDatabase
{
    /// <summary>Connects, applies the schema, and writes to standard error which of several ledgers is in use.</summary>
    /// <returns>The state of the ledger. The caller must handle its <see cref="LedgerState.Fault"/>.</returns>
    /// <exception cref="UserErrorException">The database is not configured, is down, or refuses the connection.</exception>
    /// <exception cref="LedgerException">The database cannot hold the ledger.</exception>
    public static async Task<LedgerState> OpenAsync(CommandServices services, CancellationToken cancellationToken)
    {
        var database = services.Database;
        var state = await services.Retry.RunAsync(
            async token =>
            {
                try
                {
                    return await LedgerSchema.ApplyAsync(database, token).ConfigureAwait(false);
                }
                catch (Exception exception) when (NeedsOperator(exception))
                {
                    throw new UserErrorException(DatabaseErrors.Describe(exception), exception);
                }
            },
            cancellationToken).ConfigureAwait(false);
        if (state.OtherSchemas.Count > 0)
        {
            await Console.Error.WriteLineAsync($"The ledger's database: {state.Warnings.First()}.").ConfigureAwait(false);
        }

        return state;
    }

    /// <summary>Whether the user must act: no server is listening, or the login, the database's name, a permission or a setting is wrong. Retries are enough
    /// for a server that is starting or full, and for several hosts in a failover.</summary>
    private static bool NeedsOperator(Exception exception) => exception switch
    {
        _ when DatabaseErrors.IsSettings(exception) || DatabaseErrors.IsRefusedLogin(exception) => true,
        PostgresException => !DatabaseErrors.IsTransient(exception),
        NpgsqlException { InnerException: SocketException or TimeoutException } or SocketException or TimeoutException => true,
        _ => false,
    };
}
