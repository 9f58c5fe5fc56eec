using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace RevenueAspire.Client.Http;

/// <summary>The JSON members of an answer that the client needs, for receipts and problem details. Not changed after <see cref="Parse"/>.</summary>
/// <remarks>Members are settable: otherwise the serializer uses a constructor with many parameters, which cost 10 % of the rate of single
/// events (docs/performance.md).</remarks>
internal sealed class ResponseBody
{
    public EventReceipt? Receipt { get; set; }

    public int? Accepted { get; set; }

    public int? RejectedCount { get; set; }

    public IReadOnlyList<BatchReject>? Rejected { get; set; }

    public string? Title { get; set; }

    public string? Detail { get; set; }

    /// <summary>Parses a body; null if it is not a JSON object or a member has the wrong type.</summary>
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

/// <summary>The API's receipt for an event: the log's id, and an offset in it. In JSON <c>log:offset</c>.</summary>
[JsonConverter(typeof(EventReceiptConverter))]
internal readonly record struct EventReceipt(Guid LogId, long Offset);

/// <summary>Reads a receipt without copying its text.</summary>
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
