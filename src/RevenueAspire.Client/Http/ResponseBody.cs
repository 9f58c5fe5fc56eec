using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace RevenueAspire.Client.Http;

/// <summary>The members of an answer's JSON that the client needs, of a receipt and of problem details alike. Not changed after <see cref="Parse"/>.</summary>
/// <remarks>Members are settable: the serializer fills members that are not through a constructor with many parameters, which took a tenth of the rate of
/// single events (docs/performance.md).</remarks>
internal sealed class ResponseBody
{
    public EventReceipt? Receipt { get; set; }

    public int? Accepted { get; set; }

    public int? RejectedCount { get; set; }

    public IReadOnlyList<BatchReject>? Rejected { get; set; }

    public string? Title { get; set; }

    public string? Detail { get; set; }

    /// <summary>Reads a body; null when it is no JSON object or a member has another type than the contract says.</summary>
    public static ResponseBody? Parse(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, ResponseJson.Default.ResponseBody);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

/// <summary>What the API gives for an event: its log, and its offset there. In JSON <c>log:offset</c>.</summary>
[JsonConverter(typeof(EventReceiptConverter))]
internal readonly record struct EventReceipt(Guid LogId, long Offset);

/// <summary>Reads a receipt without a copy of its text.</summary>
internal sealed class EventReceiptConverter : JsonConverter<EventReceipt>
{
    private const int MaxCharacters = 64;

    public override EventReceipt Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        Span<char> buffer = stackalloc char[MaxCharacters];
        if (reader.TokenType != JsonTokenType.String || reader.ValueSpan.Length > MaxCharacters)
        {
            throw new JsonException();
        }

        var text = buffer[..reader.CopyString(buffer)];
        return text.Length > 33 && text[32] == ':' && Guid.TryParseExact(text[..32], "N", out var logId)
            && long.TryParse(text[33..], NumberStyles.None, CultureInfo.InvariantCulture, out var offset)
            ? new EventReceipt(logId, offset)
            : throw new JsonException();
    }

    public override void Write(Utf8JsonWriter writer, EventReceipt value, JsonSerializerOptions options) => throw new NotSupportedException();
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ResponseBody))]
internal sealed partial class ResponseJson : JsonSerializerContext;
