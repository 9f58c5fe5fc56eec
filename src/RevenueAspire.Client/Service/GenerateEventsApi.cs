using Microsoft.AspNetCore.Http.HttpResults;
using RevenueAspire.Client.Journal;
using RevenueAspire.Client.Sending;

namespace RevenueAspire.Client.Service;

/// <summary><c>/generateEvents</c> sends the configured file. It resumes an interrupted run, unless <c>?again=true</c> begins a new one.</summary>
internal static class GenerateEventsApi
{
    private const string WayOut = " POST /generateEvents?again=true sends the whole file as a new run, and counts again the lines that the earlier run sent.";

    /// <summary>Time limit for the API's first answer.</summary>
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
            return Problem(StatusCodes.Status400BadRequest, "again: must be true or false, at most once. Nothing was sent.");
        }

        var place = sender.TryEnter();
        if (place is null)
        {
            return Problem(StatusCodes.Status409Conflict, "A run is already in progress. Try again after it has ended.");
        }

        // The run belongs to the service: it continues if the caller disconnects, so the file is not left half sent.
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
                return Problem(StatusCodes.Status503ServiceUnavailable, "The client is stopping. The next call continues this run.");
            }
        }
    }

    private static ProblemHttpResult Problem(SendException failure) => failure.Failure switch
    {
        SendFailure.ApiAway => Problem(StatusCodes.Status502BadGateway, failure.Message + " The next call sends the remaining lines."),
        SendFailure.Unauthorized => Problem(StatusCodes.Status502BadGateway, failure.Message + " Set Client:Secret to one of the API's Ingest:Secrets."),
        SendFailure.Refused => Problem(StatusCodes.Status502BadGateway, failure.Message),
        SendFailure.CannotResume or SendFailure.KeyConflict => Problem(StatusCodes.Status500InternalServerError, failure.Message + WayOut),
        _ => Problem(StatusCodes.Status500InternalServerError, failure.Message + " Client:File sets the file."),
    };

    private static ProblemHttpResult Problem(int status, string detail) => TypedResults.Problem(detail, statusCode: status);
}
