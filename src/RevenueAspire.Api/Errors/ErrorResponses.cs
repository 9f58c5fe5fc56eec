using System.Diagnostics;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http.Features;
using RevenueAspire.Api.Reads;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Errors;

/// <summary>Turns exceptions, unknown paths and wrong methods into problems: the only place that does so.</summary>
internal static partial class ErrorResponses
{
    private const int DatabaseRetrySeconds = 1;

    /// <summary>For the requests that the web server refuses.</summary>
    public static WebApplicationBuilder AddErrorResponses(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<DiagnosticSource, ServerRefusals>();
        return builder;
    }

    /// <summary>Call it before anything is mapped.</summary>
    public static WebApplication UseErrorResponses(this WebApplication app)
    {
        var logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(ErrorResponses));
        app.UseExceptionHandler(new ExceptionHandlerOptions
        {
            ExceptionHandler = context => AnswerAsync(context, context.Features.GetRequiredFeature<IExceptionHandlerFeature>().Error, logger),
            SuppressDiagnosticsCallback = _ => true,
        });
        app.UseStatusCodePages(status => AnswerUnroutedAsync(status.HttpContext));
        app.UseRouting();
        return app;
    }

    /// <summary>Answers a request that an exception has ended. Logs a bug; the caller learns no internals.</summary>
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
            LedgerUnavailableException => Problem.Of(StatusCodes.Status503ServiceUnavailable, "The database is away; try again."),
            EventLogException => Problem.Of(StatusCodes.Status503ServiceUnavailable, "The log cannot be read at present; try again."),
            _ => Problem.Of(StatusCodes.Status500InternalServerError, "The server made a mistake; its log says more."),
        };
        if (problem.Status == StatusCodes.Status500InternalServerError || context.Response.HasStarted)
        {
            LogRequestFailed(logger, exception);
        }

        if (context.Response.HasStarted)
        {
            // Part of the response is out: only the end of the connection tells the client.
            context.Abort();
            return;
        }

        context.Response.Clear();
        if (exception is BadHttpRequestException)
        {
            // The server cannot find the next request after a broken body.
            context.Response.Headers.Connection = "close";
        }

        await ProblemResponse.WriteAsync(context, problem, exception is LedgerUnavailableException ? DatabaseRetrySeconds : null);
    }

    /// <summary>Routing has found nothing, or its own endpoint for a wrong method, which sets the status code and Allow.</summary>
    private static Task AnswerUnroutedAsync(HttpContext context) => context.Response.StatusCode switch
    {
        StatusCodes.Status404NotFound =>
            ProblemResponse.WriteAsync(context, StatusCodes.Status404NotFound, "Nothing is at this path; /openapi/v1.json lists what there is."),
        StatusCodes.Status405MethodNotAllowed => ProblemResponse.WriteAsync(
            context, StatusCodes.Status405MethodNotAllowed, $"This path does not take {context.Request.Method}; it takes {context.Response.Headers.Allow}."),
        _ => Task.CompletedTask,
    };

    [LoggerMessage(EventIds.RequestFailed, LogLevel.Error, "A request failed by a mistake of this program.")]
    private static partial void LogRequestFailed(ILogger logger, Exception exception);
}
