using System.Net.Sockets;
using Npgsql;
using RevenueAspire.CommandLine;
using RevenueAspire.Ledger;
using RevenueAspire.Postgres;

namespace RevenueAspire.Processor.CommandLine;

/// <summary>The database at the beginning of a command: an error that a person must fix is reported at once, instead of after a minute of retries.</summary>
internal static class CommandDatabase
{
    /// <summary>Connects, applies the schema, and writes to standard error which of several ledgers is in use.</summary>
    /// <returns>Where the ledger is; its <see cref="LedgerState.Fault"/> is the caller's affair.</returns>
    /// <exception cref="UserErrorException">Not configured, down, or refusing.</exception>
    /// <exception cref="LedgerException">A database that cannot hold the ledger.</exception>
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

    /// <summary>Nothing listens there, or the login, the database's name, a right or a setting is wrong. A server that is starting or full is only asked again,
    /// as are several hosts in a failover.</summary>
    private static bool NeedsOperator(Exception exception) => exception switch
    {
        _ when DatabaseErrors.IsSettings(exception) || DatabaseErrors.IsRefusedLogin(exception) => true,
        PostgresException => !DatabaseErrors.IsTransient(exception),
        NpgsqlException { InnerException: SocketException or TimeoutException } or SocketException or TimeoutException => true,
        _ => false,
    };
}
