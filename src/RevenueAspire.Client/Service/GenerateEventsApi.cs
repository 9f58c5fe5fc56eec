using Microsoft.AspNetCore.Http.HttpResults;
using RevenueAspire.Client.Journal;
using RevenueAspire.Client.Sending;

namespace RevenueAspire.Client.Service;

/// <summary><c>/generateEvents</c>: sends the configured file. <c>?again=true</c> begins a new run on purpose, where an earlier one that was cut off would be
/// taken up.</summary>
internal static class GenerateEventsApi
{
    private const string WayOut = " POST /generateEvents?again=true sends the whole file as a new run, and counts again what the earlier one had sent.";

    /// <summary>Time in which the API must answer before the first request.</summary>
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(3);

    public static void MapGenerateEvents(this WebApplication app)
    {
        app.MapPost("/generateEvents", GenerateAsync).RefuseCrossSite();
        app.MapGet("/generateEvents", GenerateAsync).RefuseCrossSite();
    }

    private static async Task<Results<Ok<FileSent>, ProblemHttpResult>> GenerateAsync(FileSender sender, IHostApplicationLifetime lifetime, HttpContext context)
    {
        var values = context.Request.Query["again"];
        var again = false;
        if (values.Count > 1 || (values.Count == 1 && !bool.TryParse(values[0], out again)))
        {
            return Problem(StatusCodes.Status400BadRequest, "again: must be true or false, and given once. Nothing was sent.");
        }

        var place = sender.TryEnter();
        if (place is null)
        {
            return Problem(StatusCodes.Status409Conflict, "The file is being sent already. Try again when that run has ended.");
        }

        // The run belongs to the service: a caller that goes away does not leave the file half sent.
        var run = Task.Run(() => RunAsync(sender, again, place, lifetime.ApplicationStopping));
        return await run.WaitAsync(context.RequestAborted);
    }

    private static async Task<Results<Ok<FileSent>, ProblemHttpResult>> RunAsync(FileSender sender, bool again, IDisposable place, CancellationToken stop)
    {
        using (place)
        {
            try
            {
                var sent = await sender.SendAsync(SendKind.Generate, again, StartPatience, stop);
                return TypedResults.Ok(sent);
            }
            catch (SendException failure)
            {
                return Problem(failure);
            }
            catch (OperationCanceledException)
            {
                return Problem(StatusCodes.Status503ServiceUnavailable, "The client is stopping. The next call goes on where this one was stopped.");
            }
        }
    }

    private static ProblemHttpResult Problem(SendException failure) => failure.Failure switch
    {
        SendFailure.ApiAway => Problem(StatusCodes.Status502BadGateway, failure.Message + " What was not sent is sent by the next call."),
        SendFailure.Unauthorized => Problem(StatusCodes.Status502BadGateway, failure.Message + " Set Client:Secret to one of the API's Ingest:Secrets."),
        SendFailure.Refused => Problem(StatusCodes.Status502BadGateway, failure.Message),
        SendFailure.CannotResume or SendFailure.KeyConflict => Problem(StatusCodes.Status500InternalServerError, failure.Message + WayOut),
        _ => Problem(StatusCodes.Status500InternalServerError, failure.Message + " The file is set by Client:File."),
    };

    private static ProblemHttpResult Problem(int status, string detail) => TypedResults.Problem(detail, statusCode: status);
}
