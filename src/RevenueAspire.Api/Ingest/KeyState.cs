using Microsoft.Extensions.Options;
using RevenueAspire.Api.Errors;
using RevenueAspire.Api.Requests;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Ingest;

/// <summary>The range of remembered idempotency keys: the answer of <c>GET /liveEvents/state</c>.</summary>
internal sealed record KeyStateAnswer(string Id, long DurableMark, long KeysFrom, int KeyWindow, bool KeysShared);

/// <summary><c>GET /liveEvents/state</c>: a client calls it before it repeats a request whose answer was lost. Stateless.</summary>
internal sealed class KeyState(EventLogWriter log, IOptions<EventLogOptions> options)
{
    /// <summary>Shorter than a client's timeout.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    public async Task HandleAsync(HttpContext context)
    {
        var keys = await ReadAsync(context.RequestAborted);

        // Answer 503 rather than old positions, from which a client would conclude that the log is an older copy.
        await (keys.Id == Guid.Empty
            ? ProblemResponse.WriteAsync(context, StatusCodes.Status503ServiceUnavailable, "The log cannot be read right now; try again.")
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
