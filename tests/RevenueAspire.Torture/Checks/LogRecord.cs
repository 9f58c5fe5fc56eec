using System.Text.Json;
using RevenueAspire.Testing;

namespace RevenueAspire.Torture.Checks;

/// <summary>A record of a log.</summary>
/// <param name="LogId">The log.</param>
/// <param name="Offset">Its first byte in the log.</param>
/// <param name="End">Behind its newline.</param>
/// <param name="Id">Its extra field <c>id</c>, or null.</param>
/// <param name="Event">The event.</param>
internal sealed record LogRecord(Guid LogId, long Offset, long End, string? Id, RevenueEvent Event)
{
    /// <summary>As a receipt names it.</summary>
    public string Receipt => FormattableString.Invariant($"{LogId:N}:{Offset}");

    /// <summary>Reads a record's line.</summary>
    /// <exception cref="InvalidDataException">It is none.</exception>
    public static LogRecord Parse(Guid logId, ReadOnlyMemory<byte> line, long offset)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            var root = json.RootElement;
            return new LogRecord(
                logId,
                offset,
                offset + line.Length,
                root.TryGetProperty("id", out var id) ? id.GetString() : null,
                new RevenueEvent(root.GetProperty("userId").GetString()!, root.GetProperty("name").GetString()!, root.GetProperty("value").GetInt64()));
        }
        catch (Exception broken) when (broken is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new InvalidDataException($"the record at {logId:N}:{offset} is none: {broken.Message}", broken);
        }
    }
}
