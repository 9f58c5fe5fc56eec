using System.Buffers;
using System.Globalization;
using System.Text;

namespace RevenueAspire.Api.History;

/// <summary>Writes a history as CSV (RFC 4180). Pure functions.</summary>
internal static class HistoryCsv
{
    public const string Header = "time,name,value,balance,receipt\r\n";

    private static readonly SearchValues<char> Special = SearchValues.Create(",\"\r\n");

    /// <summary>The line of an event.</summary>
    public static void Append(StringBuilder csv, HistoryItemAnswer item)
    {
        AppendText(csv, item.Time ?? "");
        csv.Append(',');
        AppendText(csv, item.Name);
        csv.Append(CultureInfo.InvariantCulture, $",{item.Value},{item.Balance},");
        AppendText(csv, item.Receipt ?? "");
        csv.Append("\r\n");
    }

    /// <summary>A cell of text. If it begins like a formula, it gets an apostrophe, so that no spreadsheet evaluates it.</summary>
    public static void AppendText(StringBuilder csv, string text)
    {
        var prefix = text is ['=' or '+' or '-' or '@' or '\t' or '\r' or '\n', ..] ? "'" : "";
        if (text.AsSpan().ContainsAny(Special))
        {
            csv.Append('"').Append(prefix).Append(text.Replace("\"", "\"\"", StringComparison.Ordinal)).Append('"');
        }
        else
        {
            csv.Append(prefix).Append(text);
        }
    }
}
