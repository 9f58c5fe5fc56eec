namespace RevenueAspire.LocalPostgres.Data;

/// <summary>Quotes text for statements that support no parameters.</summary>
internal static class SqlText
{
    /// <summary>Formats a string literal. Requires standard_conforming_strings, which is on by default.</summary>
    public static string Literal(string text) => "'" + text.Replace("'", "''", StringComparison.Ordinal) + "'";

    public static string Identifier(string name) => "\"" + name.Replace("\"", "\"\"", StringComparison.Ordinal) + "\"";
}
