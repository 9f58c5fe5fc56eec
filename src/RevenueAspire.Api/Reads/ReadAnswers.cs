using System.Text.Json;
using System.Text.Json.Serialization;

namespace RevenueAspire.Api.Reads;

/// <summary>A user's balance.</summary>
internal sealed record UserRevenue(string UserId, [property: JsonConverter(typeof(DigitsConverter))] string Revenue);

/// <summary>The state of an event.</summary>
internal sealed record ReceiptState(string State, string? Reason = null);

/// <summary>Writes decimal digits as a JSON number: the sums of the ledger may be longer than any number type.</summary>
internal sealed class DigitsConverter : JsonConverter<string>
{
    public override string Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        throw new NotSupportedException("Answers are only written.");

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteRawValue(value);
}
