using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Primitives;
using RevenueAspire.Api.Access;
using RevenueAspire.Api.Errors;

namespace RevenueAspire.Api.Live;

/// <summary><c>GET /liveLedger</c>: server-sent events, first the course of the last minutes, then a snapshot a second, until the viewer goes or the API
/// stops.</summary>
/// <remarks>A viewer that does not read holds the connection's buffer and nothing else; the server cuts it off when it takes too little for too long.</remarks>
internal sealed class LiveStream(LiveFeed feed, AccessControl access, IHostApplicationLifetime lifetime)
{
    public const string ContentType = "text/event-stream";

    private const int RetrySeconds = 30;

    public async Task HandleAsync(HttpContext context)
    {
        var authorization = context.Request.Headers.Authorization;
        if (!feed.TryAddViewer())
        {
            await ProblemResponse.WriteAsync(
                context, StatusCodes.Status503ServiceUnavailable, $"{LiveFeed.MaxViewers} viewers are watching already.", null, RetrySeconds);
            return;
        }

        try
        {
            using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
            context.Response.Headers.XContentTypeOptions = "nosniff";
            context.Response.Headers["X-Accel-Buffering"] = "no";
            if (HttpMethods.IsHead(context.Request.Method))
            {
                context.Response.ContentType = ContentType;
                return;
            }

            await TypedResults.ServerSentEvents(ReadAsync(authorization, end.Token)).ExecuteAsync(context);
        }
        catch (OperationCanceledException)
        {
            // The viewer has gone, or the API stops: then the answer ends here as a whole one, and the viewer comes again.
        }
        finally
        {
            feed.RemoveViewer();
        }
    }

    private async IAsyncEnumerable<SseItem<string>> ReadAsync(StringValues authorization, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        yield return feed.HistoryEvent();
        var message = await feed.NextAsync(0, cancellationToken);

        // A secret that was revoked meanwhile ends the stream: the viewer's next request gets a 401.
        for (; access.MayRead(authorization); message = await feed.NextAsync(message.Number, cancellationToken))
        {
            yield return message.Event;
        }
    }
}
