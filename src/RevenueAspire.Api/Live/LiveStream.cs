using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Primitives;
using RevenueAspire.Api.Access;
using RevenueAspire.Api.Errors;

namespace RevenueAspire.Api.Live;

/// <summary><c>GET /liveLedger</c>: server-sent events, first the figures of the last minutes, then a snapshot per second, until the viewer disconnects or the
/// API stops.</summary>
/// <remarks>A viewer that stops reading uses only the connection's buffer. If it reads too slowly for too long, the server closes the connection.</remarks>
internal sealed class LiveStream(LiveFeed feed, AccessControl access, IHostApplicationLifetime lifetime)
{
    private const int RetrySeconds = 30;

    public async Task HandleAsync(HttpContext context)
    {
        var authorization = context.Request.Headers.Authorization;
        if (!feed.TryAddViewer())
        {
            await ProblemResponse.WriteAsync(
                context, StatusCodes.Status503ServiceUnavailable, $"{LiveFeed.MaxViewers} viewers already watch.", null, RetrySeconds);
            return;
        }

        try
        {
            using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
            context.Response.Headers.XContentTypeOptions = "nosniff";
            context.Response.Headers["X-Accel-Buffering"] = "no";
            if (HttpMethods.IsHead(context.Request.Method))
            {
                context.Response.ContentType = "text/event-stream";
                return;
            }

            await TypedResults.ServerSentEvents(ReadAsync(authorization, end.Token)).ExecuteAsync(context);
        }
        catch (OperationCanceledException)
        {
            // The viewer has disconnected, or the API is stopping. In the latter case the response ends normally, and the viewer reconnects.
        }
        finally
        {
            feed.RemoveViewer();
        }
    }

    private async IAsyncEnumerable<SseItem<string>> ReadAsync(StringValues authorization, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        yield return feed.HistoryEvent();

        // A revoked secret ends the stream: the viewer's next request gets a 401.
        for (var message = feed.Latest; access.MayRead(authorization); message = await feed.NextAsync(message, cancellationToken))
        {
            if (message.Item is { } item)
            {
                yield return item;
            }
        }
    }
}
