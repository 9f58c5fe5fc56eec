using System.Text.Json;
using System.Text.Json.Serialization;

namespace RevenueAspire.Api.Reads;

/// <summary>A user's balance.</summary>
/// <param name="UserId">The user of the request.</param>
/// <param name="Revenue">An integer of any length.</param>
internal sealed record UserRevenue(string UserId, [property: JsonConverter(typeof(DigitsConverter))] string Revenue);

/// <summary>The state of an event.</summary>
/// <param name="State"><c>durable</c>: on disk; <c>applied</c>: in the ledger; <c>rejected</c>: the processor could not apply it.</param>
/// <param name="Reason">The reason of a rejected event, else absent.</param>
internal sealed record ReceiptState(string State, string? Reason = null)
{
    public static readonly ReceiptState Durable = new("durable");

    public static readonly ReceiptState Applied = new("applied");

    public static ReceiptState Rejected(string reason) => new("rejected", reason);
}

/// <summary>Writes decimal digits as a JSON number: the sums of the ledger may be longer than any number type.</summary>
internal sealed class DigitsConverter : JsonConverter<string>
{
    public override string Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        throw new NotSupportedException("Answers are only written.");

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteRawValue(value);
}
