using Npgsql;

namespace RevenueAspire.Ledger;

/// <summary>Applies <c>db.sql</c> (embedded; the same file works with psql).</summary>
public static class LedgerSchema
{
    /// <summary>The script.</summary>
    public static string Script => throw new NotImplementedException();

    /// <summary>Applies the schema under an advisory lock; safe to call from several processes at once, and cheap when nothing is to do.</summary>
    /// <exception cref="LedgerException">The database is not UTF-8, or users_revenue exists with other columns; the message says what to do.</exception>
    public static Task ApplyAsync(NpgsqlDataSource database, CancellationToken cancellationToken) => throw new NotImplementedException();
}

/// <summary>The database holds something the ledger cannot work with; one line for people.</summary>
public sealed class LedgerException : Exception
{
    public LedgerException(string message) : base(message) { }

    public LedgerException(string message, Exception inner) : base(message, inner) { }
}
