using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace RevenueAspire.Events.Tests;

/// <summary>A second implementation of the event rules, slow and simple, over JsonDocument. Shares no code with the parser.</summary>
internal static partial class Oracle
{
    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    private static readonly string[] Server = ["timestamp", "caller", "idempotencyKey", "bodyHash", "traceparent", "batch"];

    /// <summary>Returns the expected result of a line. For an event it includes the compact form as Latin-1; otherwise that is empty.</summary>
    public static ParsedLine Judge(byte[] line, IReadOnlyDictionary<string, int> signs)
    {
        var text = line is [0xEF, 0xBB, 0xBF, ..] ? line[3..] : line;
        if (text.All(b => b is 0x20 or 0x09 or 0x0D or 0x0A))
        {
            return ParsedLine.Blank with { Compact = "" };
        }

        try
        {
            StrictUtf8.GetCharCount(text);
        }
        catch (DecoderFallbackException)
        {
            return Rejected(RejectReason.InvalidUtf8);
        }

        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 64 });
        }
        catch (JsonException e)
        {
            return Rejected(IsAboutDepth(text, e) ? RejectReason.TooDeep : RejectReason.InvalidJson);
        }

        using (document)
        {
            return Judge(document.RootElement, signs);
        }
    }

    private static ParsedLine Judge(JsonElement root, IReadOnlyDictionary<string, int> signs)
    {
        if (root.ValueKind != JsonValueKind.Object)
        {
            return Rejected(RejectReason.NotAnObject);
        }

        var fields = root.EnumerateObject().Select(field => (Name: NameOf(field), Field: field)).ToList();
        var userId = Only(fields, "userId", RejectReason.UserIdMissing, RejectReason.UserIdDuplicate, out var element);
        string? user = null;
        if (userId == RejectReason.None)
        {
            userId = element.ValueKind != JsonValueKind.String ? RejectReason.UserIdNotAString
                : (user = TextOf(element)) is null ? RejectReason.UserIdHasLoneSurrogate
                : user.Contains('\0', StringComparison.Ordinal) ? RejectReason.UserIdHasNul
                : Encoding.UTF8.GetByteCount(user) > 256 ? RejectReason.UserIdTooLong
                : user.Length == 0 ? RejectReason.UserIdEmpty : RejectReason.None;
        }

        var name = Only(fields, "name", RejectReason.NameMissing, RejectReason.NameDuplicate, out element);
        var sign = 0;
        if (name == RejectReason.None)
        {
            name = element.ValueKind != JsonValueKind.String ? RejectReason.NameNotAString
                : TextOf(element) is { } known && signs.TryGetValue(known, out sign) ? RejectReason.None : RejectReason.NameUnknown;
        }

        var value = Only(fields, "value", RejectReason.ValueMissing, RejectReason.ValueDuplicate, out element);
        BigInteger number = 0;
        if (value == RejectReason.None)
        {
            var raw = element.GetRawText();
            value = element.ValueKind != JsonValueKind.Number || !raw.TrimStart('-').All(char.IsAsciiDigit) ? RejectReason.ValueNotAnInteger
                : raw.Length > 30 || !Fits(number = BigInteger.Parse(raw, CultureInfo.InvariantCulture)) ? RejectReason.ValueOutOfRange
                : RejectReason.None;
        }

        var reason = new[] { userId, name, value }.FirstOrDefault(r => r != RejectReason.None);
        return reason != RejectReason.None
            ? Rejected(reason)
            : new ParsedLine(ParseOutcome.Event, RejectReason.None, Convert.ToHexString(Encoding.UTF8.GetBytes(user!)), (long)number, sign, Compact(fields));
    }

    private static bool Fits(BigInteger number) => number >= long.MinValue && number <= long.MaxValue;

    private static ParsedLine Rejected(RejectReason reason) => ParsedLine.Rejected(reason) with { Compact = "" };

    /// <summary>Whether the line exceeds 64 levels before any grammar fault. If so, the parser without a depth limit fails later in the text, or not at
    /// all.</summary>
    private static bool IsAboutDepth(byte[] text, JsonException limited)
    {
        try
        {
            JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = int.MaxValue }).Dispose();
            return true;
        }
        catch (JsonException unlimited)
        {
            return (unlimited.LineNumber, unlimited.BytePositionInLine) != (limited.LineNumber, limited.BytePositionInLine);
        }
    }

    private static RejectReason Only(
        List<(string? Name, JsonProperty Field)> fields, string name, RejectReason missing, RejectReason duplicate, out JsonElement element)
    {
        var found = fields.Where(field => field.Name == name).ToList();
        element = found.Count == 1 ? found[0].Field.Value : default;
        return found.Count switch { 0 => missing, 1 => RejectReason.None, _ => duplicate };
    }

    private static string? NameOf(JsonProperty field)
    {
        try
        {
            return field.Name;
        }
        catch (InvalidOperationException)
        {
            return null; // A lone surrogate.
        }
    }

    private static string? TextOf(JsonElement element)
    {
        try
        {
            return element.GetString();
        }
        catch (InvalidOperationException)
        {
            return null; // A lone surrogate.
        }
    }

    private static string Compact(List<(string? Name, JsonProperty Field)> fields) => "{" + string.Join(',', fields
        .Where(field => !Server.Contains(field.Name))
        .Select(field => $"\"{Encoding.Latin1.GetString(JsonMarshal.GetRawUtf8PropertyName(field.Field))}\":"
            + WhiteSpaceOutsideStrings().Replace(Encoding.Latin1.GetString(JsonMarshal.GetRawUtf8Value(field.Field.Value)), "$1")));

    [GeneratedRegex("""("(?:[^"\\]|\\.)*")|[ \t\r\n]+""", RegexOptions.CultureInvariant)]
    private static partial Regex WhiteSpaceOutsideStrings();
}
