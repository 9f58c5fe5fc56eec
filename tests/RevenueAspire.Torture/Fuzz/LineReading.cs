using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Json;
using RevenueAspire.Testing;

namespace RevenueAspire.Torture.Fuzz;

/// <summary>A line as read from the wording of the contract, with System.Text.Json and without any code of the product.</summary>
/// <param name="IsBlank">Whether the line is empty or all white space.</param>
/// <param name="Event">The event; null if the line is not one.</param>
internal readonly record struct LineReading(bool IsBlank, RevenueEvent? Event)
{
    /// <summary>Largest size of an event in bytes.</summary>
    public const int MaxBytes = 64 << 10;

    private const int MaxDepth = 64;
    private const int MaxUserIdBytes = 256;
    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    public static LineReading Of(ReadOnlySpan<byte> line)
    {
        byte[] text = line is [0xEF, 0xBB, 0xBF, ..] ? [.. line[3..]] : [.. line];
        if (text.AsSpan().Trim(" \t\r\n"u8).IsEmpty)
        {
            return new LineReading(true, null);
        }

        try
        {
            Strict.GetCharCount(text);
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = MaxDepth });
            return new LineReading(false, document.RootElement.ValueKind == JsonValueKind.Object ? Read(document.RootElement) : null);
        }
        catch (Exception bad) when (bad is JsonException or DecoderFallbackException)
        {
            return default;
        }
    }

    private static RevenueEvent? Read(JsonElement root)
    {
        var fields = root.EnumerateObject().Select(field => (Name: Text(() => field.Name), field.Value)).ToLookup(field => field.Name, field => field.Value);
        if (fields["userId"].Count() != 1 || fields["name"].Count() != 1 || fields["value"].Count() != 1)
        {
            return null;
        }

        var (userId, name, value) = (String(fields["userId"].Single()), String(fields["name"].Single()), fields["value"].Single());
        return userId is { Length: > 0 } && !userId.Contains('\0', StringComparison.Ordinal) && Encoding.UTF8.GetByteCount(userId) <= MaxUserIdBytes
            && name is "add_revenue" or "subtract_revenue"
            && value.ValueKind == JsonValueKind.Number && value.GetRawText() is var raw && raw.TrimStart('-').All(char.IsAsciiDigit)
            && BigInteger.Parse(raw, CultureInfo.InvariantCulture) is var number && number >= long.MinValue && number <= long.MaxValue
            ? new RevenueEvent(userId!, name!, (long)number)
            : null;
    }

    private static string? String(JsonElement value) => value.ValueKind == JsonValueKind.String ? Text(value.GetString) : null;

    /// <summary>The string; null if it is not valid text (a lone surrogate).</summary>
    public static string? Text(Func<string?> read)
    {
        try
        {
            return read();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }
}
