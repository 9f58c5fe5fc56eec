namespace RevenueAspire.Ledger;

/// <summary>Sorts database errors (rule M12).</summary>
public static class LedgerErrors
{
    /// <summary>True for what a retry can heal: everything but SQLSTATE 22xxx, 23xxx and 42xxx (and errors that are no database errors at all).</summary>
    public static bool IsTransient(Exception exception) => throw new NotImplementedException();

    /// <summary>One line for people that says what and what to do: refused connection, wrong password, missing database...; never the password.</summary>
    public static string Describe(Exception exception) => throw new NotImplementedException();
}
