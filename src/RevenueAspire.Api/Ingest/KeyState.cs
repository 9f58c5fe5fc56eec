using Microsoft.Extensions.Options;
using RevenueAspire.Api.Errors;
using RevenueAspire.Api.Requests;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Ingest;

/// <summary>Which keys the API remembers: the answer of <c>GET /liveEvents/state</c>.</summary>
/// <param name="Id">The log's id; of keys that several logs share, the id of their memory.</param>
/// <param name="DurableMark">Position up to which the log is on disk: an offset, or, of shared keys, the number of the newest.</param>
/// <param name="KeysFrom">Position from which on every key is remembered.</param>
/// <param name="KeyWindow">Keyed requests that are remembered, at most.</param>
/// <param name="KeysShared">Whether several processes with a log each share the keys: receipts then name the ids of several logs, and are no
/// positions.</param>
internal sealed record KeyStateAnswer(string Id, long DurableMark, long KeysFrom, int KeyWindow, bool KeysShared);

/// <summary><c>GET /liveEvents/state</c>: a client asks before it repeats a request whose answer was lost. Stateless.</summary>
internal sealed class KeyState(EventLogWriter log, IOptions<EventLogOptions> options)
{
    /// <summary>Shorter than a client's patience.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    public async Task HandleAsync(HttpContext context)
    {
        var keys = await ReadAsync(context.RequestAborted);

        // Without positions no old ones are answered: a client would take them for an older copy of the log.
        await (keys.Id == Guid.Empty
            ? ProblemResponse.WriteAsync(context, StatusCodes.Status503ServiceUnavailable, "The log cannot be read at present; try again.")
            : context.Response.WriteAsJsonAsync(
                new KeyStateAnswer(keys.Id.ToString("N"), keys.Through, keys.From, options.Value.KeyWindow, keys.Id != log.LogId),
                ApiJson.Of<KeyStateAnswer>(), ContentTypes.Json));
    }

    private async Task<KeyMemory> ReadAsync(CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        try
        {
            return await log.ReadKeysAsync(limit.Token).AsTask().WaitAsync(limit.Token);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return default;
        }
    }
}
