namespace RevenueAspire.LocalPostgres.Data;

/// <summary>Quotes text for statements that take no parameters.</summary>
internal static class SqlText
{
    /// <summary>A string literal; the server has standard_conforming_strings on, its default.</summary>
    public static string Literal(string text) => "'" + text.Replace("'", "''", StringComparison.Ordinal) + "'";

    public static string Identifier(string name) => "\"" + name.Replace("\"", "\"\"", StringComparison.Ordinal) + "\"";
}
