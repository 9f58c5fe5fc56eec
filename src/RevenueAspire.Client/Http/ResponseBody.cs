using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace RevenueAspire.Client.Http;

/// <summary>The members of an answer's JSON that the client needs, of a receipt and of problem details alike. Immutable.</summary>
internal sealed record ResponseBody
{
    public string? Receipt { get; init; }

    /// <summary>The log of the receipt; empty without a receipt.</summary>
    [JsonIgnore]
    public Guid LogId { get; private init; }

    /// <summary>The offset of the receipt; -1 without a receipt.</summary>
    [JsonIgnore]
    public long ReceiptOffset { get; private init; } = -1;

    public int? Accepted { get; init; }

    public int? RejectedCount { get; init; }

    public IReadOnlyList<BatchReject>? Rejected { get; init; }

    public string? Title { get; init; }

    public string? Detail { get; init; }

    /// <summary>Reads a body; null when it is no JSON object or a member has another type than the contract says.</summary>
    public static ResponseBody? Parse(ReadOnlySpan<byte> json)
    {
        try
        {
            var body = JsonSerializer.Deserialize(json, ResponseJson.Default.ResponseBody);
            return body?.Receipt is not { } receipt ? body
                : TryParseReceipt(receipt, out var logId, out var offset) ? body with { LogId = logId, ReceiptOffset = offset }
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Reads <c>32 hex digits:offset</c>.</summary>
    private static bool TryParseReceipt(ReadOnlySpan<char> text, out Guid logId, out long offset)
    {
        offset = -1;
        logId = default;
        return text.Length > 33 && text[32] == ':' && Guid.TryParseExact(text[..32], "N", out logId)
            && long.TryParse(text[33..], NumberStyles.None, CultureInfo.InvariantCulture, out offset);
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ResponseBody))]
internal sealed partial class ResponseJson : JsonSerializerContext;
