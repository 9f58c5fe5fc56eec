using System.Text.Json;

namespace RevenueAspire.Client.Http;

/// <summary>The state of the API's log, from <c>/liveEvents/state</c>.</summary>
/// <param name="Id">The log's id. If several logs share the keys: the id of the shared keys.</param>
/// <param name="DurableMark">The log's durable mark. If keys are shared: the number of the newest key.</param>
/// <param name="KeysFrom">The API remembers every idempotency key from this position on.</param>
/// <param name="KeyWindow">Maximum number of keyed requests that the API remembers; null if it does not report this.</param>
/// <param name="KeysShared">Whether several processes, each with a log, share the keys. Receipts may then be from any log, and their offsets are not positions
/// among the keys.</param>
internal sealed record LogState(Guid Id, long DurableMark, long KeysFrom, long? KeyWindow, bool KeysShared = false)
{
    /// <summary>Parses the answer.</summary>
    /// <returns>Null if the answer is not a log state.</returns>
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
