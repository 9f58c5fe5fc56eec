using RevenueAspire.Postgres;

namespace RevenueAspire.Ledger;

/// <summary>Classifies errors of the ledger (rule M12). Those of the database are classified by <see cref="DatabaseErrors"/>, as for the log and the API.</summary>
public static class LedgerErrors
{
    /// <inheritdoc cref="DatabaseErrors.IsTransient"/>
    public static bool IsTransient(Exception exception) => DatabaseErrors.IsTransient(exception);

    /// <inheritdoc cref="DatabaseErrors.IsSettings"/>
    public static bool IsSettings(Exception exception) => DatabaseErrors.IsSettings(exception);

    /// <inheritdoc cref="DatabaseErrors.Describe"/>
    public static string Describe(Exception exception) => DatabaseErrors.Describe(exception);
}
