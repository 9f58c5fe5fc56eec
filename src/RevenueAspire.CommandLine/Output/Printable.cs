using System.Globalization;
using System.Text;

namespace RevenueAspire.CommandLine;

/// <summary>Escapes text for a terminal, a log or a table, because a file name may contain newlines and escape sequences.</summary>
public static class Printable
{
    /// <summary>Returns the text with control characters, line separators and direction marks escaped: <c>\n</c>, <c>\u001b</c>. Returns most texts
    /// unchanged.</summary>
    public static string Escape(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var first = FirstThatActs(text);
        if (first < 0)
        {
            return text;
        }

        var escaped = new StringBuilder(text, 0, first, text.Length + 16);
        foreach (var character in text.AsSpan(first))
        {
            _ = character switch
            {
                '\n' => escaped.Append("\\n"),
                '\r' => escaped.Append("\\r"),
                '\t' => escaped.Append("\\t"),
                _ when Acts(character) => escaped.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}"),
                _ => escaped.Append(character),
            };
        }

        return escaped.ToString();
    }

    private static int FirstThatActs(ReadOnlySpan<char> text)
    {
        for (var index = 0; index < text.Length; index++)
        {
            if (Acts(text[index]))
            {
                return index;
            }
        }

        return -1;
    }

    /// <summary>Whether a character affects a terminal: control characters, Unicode's line separators, and its characters that change the text
    /// direction.</summary>
    private static bool Acts(char character) => char.IsControl(character)
        || character is '\u2028' or '\u2029' or '\u200e' or '\u200f' or (>= '\u202a' and <= '\u202e') or (>= '\u2066' and <= '\u2069');
}
