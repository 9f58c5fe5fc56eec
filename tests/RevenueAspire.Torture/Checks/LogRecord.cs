using System.Text.Json;
using RevenueAspire.Testing;
using RevenueAspire.Torture.Fuzz;

namespace RevenueAspire.Torture.Checks;

/// <summary>A record of a log.</summary>
/// <param name="LogId">The log.</param>
/// <param name="Offset">Log offset of the record's first byte.</param>
/// <param name="End">Log offset after the record's newline.</param>
/// <param name="Id">Its extra field <c>id</c>, or null.</param>
/// <param name="Event">The event.</param>
internal sealed record LogRecord(Guid LogId, long Offset, long End, string? Id, RevenueEvent Event)
{
    /// <summary>The record's receipt.</summary>
    public string Receipt => FormattableString.Invariant($"{LogId:N}:{Offset}");

    /// <summary>Parses one line of a log.</summary>
    /// <exception cref="InvalidDataException">The line is not a record.</exception>
    public static LogRecord Parse(Guid logId, ReadOnlyMemory<byte> line, long offset)
    {
        try
        {
            // Names of extra fields are not always valid text: lone surrogates are allowed there.
            using var json = JsonDocument.Parse(line);
            var fields = json.RootElement.EnumerateObject().Select(field => (Name: LineReading.Text(() => field.Name), field.Value))
                .ToLookup(field => field.Name, field => field.Value);
            var id = fields["id"].LastOrDefault();
            return new LogRecord(
                logId,
                offset,
                offset + line.Length,
                id.ValueKind == JsonValueKind.String ? id.GetString() : null,
                new RevenueEvent(fields["userId"].Single().GetString()!, fields["name"].Single().GetString()!, fields["value"].Single().GetInt64()));
        }
        catch (Exception broken) when (broken is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new InvalidDataException($"the line at {logId:N}:{offset} is not a record: {broken.Message}", broken);
        }
    }
}
