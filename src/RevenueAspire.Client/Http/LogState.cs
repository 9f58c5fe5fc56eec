using System.Text.Json;

namespace RevenueAspire.Client.Http;

/// <summary>What the API's <c>/health</c> says of its log.</summary>
/// <param name="Id">The log's id; of keys that several logs share, the id of their memory.</param>
/// <param name="DurableMark">Offset up to which it is on disk; of shared keys, the number of the newest.</param>
/// <param name="KeysFrom">Position from which on it remembers every idempotency key.</param>
/// <param name="KeyWindow">How many keyed requests it remembers at most; null when it does not tell.</param>
/// <param name="KeysShared">Whether several processes, with a log each, share the keys: then receipts may be of any log, and their offsets are no positions
/// among the keys.</param>
internal sealed record LogState(Guid Id, long DurableMark, long KeysFrom, long? KeyWindow, bool KeysShared = false)
{
    /// <summary>Reads <c>checks.log.data</c>.</summary>
    /// <returns>The state, or null; and whether this is the health of an API that can tell it, though it may not know it at present.</returns>
    public static (LogState? State, bool IsApi) Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            if (document.RootElement.ValueKind != JsonValueKind.Object
                || !document.RootElement.TryGetProperty("checks", out var checks)
                || !checks.TryGetProperty("log", out var log)
                || !log.TryGetProperty("data", out var data))
            {
                return default;
            }

            return data.TryGetProperty("id", out var id) && Guid.TryParse(id.GetString(), out var logId)
                && data.TryGetProperty("durableMark", out var mark) && mark.TryGetInt64(out var durableMark)
                && data.TryGetProperty("keysFrom", out var keys) && keys.TryGetInt64(out var keysFrom)
                ? (new LogState(
                    logId,
                    durableMark,
                    keysFrom,
                    data.TryGetProperty("keyWindow", out var window) && window.TryGetInt64(out var keyWindow) ? keyWindow : null,
                    data.TryGetProperty("keysShared", out var shared) && shared.ValueKind == JsonValueKind.True), true)
                : (null, true);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return default;
        }
    }
}
