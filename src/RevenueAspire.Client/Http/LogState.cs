using System.Text.Json;

namespace RevenueAspire.Client.Http;

/// <summary>What the API says of its log at <c>/liveEvents/state</c>.</summary>
/// <param name="Id">The log's id; of keys that several logs share, the id of their memory.</param>
/// <param name="DurableMark">Offset up to which it is on disk; of shared keys, the number of the newest.</param>
/// <param name="KeysFrom">Position from which on it remembers every idempotency key.</param>
/// <param name="KeyWindow">How many keyed requests it remembers at most; null when it does not tell.</param>
/// <param name="KeysShared">Whether several processes, with a log each, share the keys: then receipts may be of any log, and their offsets are no positions
/// among the keys.</param>
internal sealed record LogState(Guid Id, long DurableMark, long KeysFrom, long? KeyWindow, bool KeysShared = false)
{
    /// <summary>Reads the answer.</summary>
    /// <returns>Null when it is something else.</returns>
    public static LogState? Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var data = document.RootElement;
            return data.ValueKind == JsonValueKind.Object
                && data.TryGetProperty("id", out var id) && Guid.TryParse(id.GetString(), out var logId)
                && data.TryGetProperty("durableMark", out var mark) && mark.TryGetInt64(out var durableMark)
                && data.TryGetProperty("keysFrom", out var keys) && keys.TryGetInt64(out var keysFrom)
                ? new LogState(
                    logId,
                    durableMark,
                    keysFrom,
                    data.TryGetProperty("keyWindow", out var window) && window.TryGetInt64(out var keyWindow) ? keyWindow : null,
                    data.TryGetProperty("keysShared", out var shared) && shared.ValueKind == JsonValueKind.True)
                : null;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
