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
            context.Response.ContentType = ContentType;
            context.Response.Headers.CacheControl = "no-store";
            context.Response.Headers.XContentTypeOptions = "nosniff";
            context.Response.Headers["X-Accel-Buffering"] = "no";
            if (HttpMethods.IsHead(context.Request.Method))
            {
                return;
            }

            await SendAsync(context.Response, feed.HistoryEvent(), end.Token);
            for (var message = default(LiveMessage); ;)
            {
                message = await feed.NextAsync(message.Number, end.Token);
                if (!access.MayRead(authorization))
                {
                    // The secret was revoked meanwhile: the viewer's next request gets a 401.
                    return;
                }

                await SendAsync(context.Response, message.Event, end.Token);
            }
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

    private static async Task SendAsync(HttpResponse response, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        await response.BodyWriter.WriteAsync(bytes, cancellationToken);
        await response.BodyWriter.FlushAsync(cancellationToken);
    }
}
