using Microsoft.AspNetCore.Http.HttpResults;
using RevenueAspire.Client.Sending;

namespace RevenueAspire.Client.Service;

/// <summary><c>/generateEvents</c>: sends the configured file.</summary>
internal static class GenerateEventsApi
{
    /// <summary>Time in which the API must answer before the first request.</summary>
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(3);

    public static void MapGenerateEvents(this WebApplication app)
    {
        app.MapPost("/generateEvents", GenerateAsync);
        app.MapGet("/generateEvents", GenerateAsync);
    }

    private static async Task<Results<Ok<FileSent>, ProblemHttpResult>> GenerateAsync(FileSender sender, IHostApplicationLifetime lifetime, HttpContext context)
    {
        var place = sender.TryEnter();
        if (place is null)
        {
            return Problem(StatusCodes.Status409Conflict, "The file is being sent already.", "Try again when that run has ended.");
        }

        // The run belongs to the service: a caller that goes away does not leave the file half sent.
        var run = Task.Run(() => RunAsync(sender, place, lifetime.ApplicationStopping));
        return await run.WaitAsync(context.RequestAborted);
    }

    private static async Task<Results<Ok<FileSent>, ProblemHttpResult>> RunAsync(FileSender sender, IDisposable place, CancellationToken stop)
    {
        using (place)
        {
            try
            {
                var sent = await sender.SendAsync("generate", isOnce: false, StartPatience, stop);
                return TypedResults.Ok(sent);
            }
            catch (SendException failure)
            {
                return Problem(failure);
            }
            catch (OperationCanceledException)
            {
                return Problem(StatusCodes.Status503ServiceUnavailable, "The client is stopping.", "The next call goes on where this one was stopped.");
            }
        }
    }

    private static ProblemHttpResult Problem(SendException failure) => failure.Failure switch
    {
        SendFailure.ApiAway => Problem(StatusCodes.Status502BadGateway, "The API is away.", failure.Message + " What was not sent is sent by the next call."),
        SendFailure.Unauthorized => Problem(StatusCodes.Status502BadGateway, "The API refuses the secret.", failure.Message + " Set Client:Secret to one of the API's Ingest:Secrets."),
        SendFailure.Refused => Problem(StatusCodes.Status502BadGateway, "The API did not answer as expected.", failure.Message),
        SendFailure.CannotResume => Problem(StatusCodes.Status409Conflict, "An earlier run was cut off and cannot be resumed.", failure.Message),
        _ => Problem(StatusCodes.Status500InternalServerError, "The configured file cannot be sent.", failure.Message + " The file is set by Client:File."),
    };

    private static ProblemHttpResult Problem(int status, string title, string detail) => TypedResults.Problem(detail, statusCode: status, title: title);
}
