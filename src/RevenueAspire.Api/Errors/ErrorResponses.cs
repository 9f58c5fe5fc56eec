using System.Diagnostics;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http.Features;
using RevenueAspire.Api.Reads;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Errors;

/// <summary>Turns exceptions, unknown paths and wrong methods into problem details. No other code does this.</summary>
internal static partial class ErrorResponses
{
    private const int DatabaseRetrySeconds = 1;

    /// <summary>Call it before mapping any endpoint.</summary>
    public static void UseErrorResponses(this WebApplication app)
    {
        var logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(ErrorResponses));
        app.UseExceptionHandler(new ExceptionHandlerOptions
        {
            ExceptionHandler = context => AnswerAsync(context, context.Features.GetRequiredFeature<IExceptionHandlerFeature>().Error, logger),
            SuppressDiagnosticsCallback = _ => true,
        });
        app.UseStatusCodePages(status => AnswerUnroutedAsync(status.HttpContext));
        app.UseRouting();
    }

    /// <summary>Answers a request that failed with an exception. If the exception is a bug, logs it. The answer reveals no internals.</summary>
    public static async Task AnswerAsync(HttpContext context, Exception exception, ILogger logger)
    {
        if (exception is ConnectionResetException or ConnectionAbortedException
            || (context.RequestAborted.IsCancellationRequested && exception is OperationCanceledException or IOException))
        {
            // The client has disconnected.
            context.Abort();
            return;
        }

        var problem = exception switch
        {
            BadHttpRequestException bad => Problem.Of(bad.StatusCode, ServerRefusals.Describe(bad)),
            LedgerUnavailableException => Problem.Of(StatusCodes.Status503ServiceUnavailable, "The database is unavailable; try again."),
            EventLogException => Problem.Of(StatusCodes.Status503ServiceUnavailable, "The log cannot be read right now; try again."),
            _ => Problem.Of(StatusCodes.Status500InternalServerError, "Internal error; the server's log has the details."),
        };
        if (problem.Status == StatusCodes.Status500InternalServerError || context.Response.HasStarted)
        {
            LogRequestFailed(logger, exception);
        }

        if (context.Response.HasStarted)
        {
            // Part of the response has been sent, so the only remaining signal to the client is a closed connection.
            context.Abort();
            return;
        }

        context.Response.Clear();
        if (exception is BadHttpRequestException)
        {
            // After a malformed body, Kestrel cannot find the start of the next request.
            context.Response.Headers.Connection = "close";
        }

        await ProblemResponse.WriteAsync(context, problem, exception is LedgerUnavailableException ? DatabaseRetrySeconds : null);
    }

    /// <summary>Answers 404 or 405. For a wrong method, routing has matched its built-in endpoint, which sets the status code and Allow.</summary>
    private static Task AnswerUnroutedAsync(HttpContext context) => context.Response.StatusCode switch
    {
        StatusCodes.Status404NotFound =>
            ProblemResponse.WriteAsync(context, StatusCodes.Status404NotFound, "No such path; /openapi/v1.json lists all calls."),
        StatusCodes.Status405MethodNotAllowed => ProblemResponse.WriteAsync(
            context, StatusCodes.Status405MethodNotAllowed,
            $"The method {context.Request.Method} is not allowed on this path; use {context.Response.Headers.Allow}."),
        _ => Task.CompletedTask,
    };

    [LoggerMessage(EventIds.RequestFailed, LogLevel.Error, "Unhandled exception while processing a request.")]
    private static partial void LogRequestFailed(ILogger logger, Exception exception);
}
