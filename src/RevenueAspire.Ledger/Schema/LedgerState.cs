namespace RevenueAspire.Ledger;

/// <summary>The ledger's location and the settings it relies on, as of one read.</summary>
/// <param name="Database">The database's name.</param>
/// <param name="Schema">The first schema of the search_path that has the tables.</param>
/// <param name="OtherSchemas">Later schemas of the search_path that also have a ledger.</param>
/// <param name="SynchronousCommit">The setting of this role's sessions. Claims, freezes, closes and live ranges always commit synchronously.</param>
/// <param name="Fsync">Off: a power cut may damage the database.</param>
/// <param name="FullPageWrites">Off: a power cut may damage the database, unless its file system writes each page completely or not at all.</param>
public sealed record LedgerState(string Database, string Schema, IReadOnlyList<string> OtherSchemas, string SynchronousCommit, bool Fsync, bool FullPageWrites)
{
    /// <summary>Events were counted, but users_revenue is empty.</summary>
    public bool IsEmptied { get; init; }

    /// <summary>users_revenue has balances, but no source has counted events.</summary>
    public bool IsUnaccounted { get; init; }

    /// <summary>The fault in the content and its repair; null without a fault. Applying events would make a fault worse.</summary>
    public string? Fault => IsEmptied ? LedgerContent.Emptied : IsUnaccounted ? LedgerContent.Unaccounted : null;

    /// <summary>Warnings, as sentences without a full stop; often empty.</summary>
    public IEnumerable<string> Warnings
    {
        get
        {
            if (OtherSchemas.Count > 0)
            {
                yield return $"using the ledger in schema {Schema}; schema {string.Join(", ", OtherSchemas)} of the search_path has another ledger (set "
                    + "Search Path to choose)";
            }

            if (!Fsync)
            {
                yield return "fsync is off: a power cut may damage the database";
            }

            if (!FullPageWrites)
            {
                yield return "full_page_writes is off: a power cut may damage the database, unless its file system never tears a page";
            }

            if (SynchronousCommit == "off")
            {
                yield return "synchronous_commit is off: a crash of Postgres may undo merges, which are then repeated";
            }
        }
    }

    /// <summary>One line for people.</summary>
    public override string ToString() => $"the ledger is in schema {Schema} of database {Database}";
}
