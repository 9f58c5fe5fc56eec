using System.Diagnostics;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Routing;

namespace RevenueAspire.Api.Errors;

/// <summary>Gives a problem to the answers that no handler of ours makes: unknown paths, wrong methods, bugs.</summary>
internal static partial class ErrorResponses
{
    /// <summary>For the requests that the web server refuses.</summary>
    public static WebApplicationBuilder AddErrorResponses(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<DiagnosticSource, ServerRefusals>();
        return builder;
    }

    /// <summary>Call it before anything is mapped.</summary>
    public static WebApplication UseErrorResponses(this WebApplication app)
    {
        app.UseExceptionHandler(handler => handler.Run(AnswerExceptionAsync));
        app.UseRouting();
        app.Use(next => context => context.GetEndpoint() is RouteEndpoint ? next(context) : AnswerUnroutedAsync(context, next));
        return app;
    }

    /// <summary>Routing has found nothing, or its own endpoint for a wrong method, which sets the status code and Allow.</summary>
    private static async Task AnswerUnroutedAsync(HttpContext context, RequestDelegate next)
    {
        await next(context);
        if (context.Response.HasStarted)
        {
            return;
        }

        await (context.Response.StatusCode switch
        {
            StatusCodes.Status404NotFound => Problems.WriteAsync(context, StatusCodes.Status404NotFound, "Nothing is at this path; /openapi/v1.json lists what there is."),
            StatusCodes.Status405MethodNotAllowed => Problems.WriteAsync(
                context, StatusCodes.Status405MethodNotAllowed, $"This path does not take {context.Request.Method}; it takes {context.Response.Headers.Allow}."),
            _ => Task.CompletedTask,
        });
    }

    /// <summary>The exception is logged by the middleware; the caller learns no internals.</summary>
    private static Task AnswerExceptionAsync(HttpContext context) =>
        context.Features.Get<IExceptionHandlerFeature>()?.Error is BadHttpRequestException bad
            ? Problems.WriteAsync(context, bad.StatusCode, ServerRefusals.Describe(bad))
            : AnswerMistakeAsync(context);

    /// <summary>Logs and answers a bug in a handler that the middleware for exceptions does not see.</summary>
    public static async Task AnswerAsync(HttpContext context, Exception exception, ILogger logger)
    {
        if (context.RequestAborted.IsCancellationRequested && exception is (OperationCanceledException or IOException))
        {
            // The client has gone in the middle of it: nobody is there to be answered.
            context.Abort();
            return;
        }

        LogMistake(logger, exception);
        if (context.Response.HasStarted)
        {
            // Half an answer is out: only the end of the connection tells the caller.
            context.Abort();
            return;
        }

        context.Response.Clear();
        await AnswerMistakeAsync(context);
    }

    private static Task AnswerMistakeAsync(HttpContext context) =>
        Problems.WriteAsync(context, StatusCodes.Status500InternalServerError, "The server made a mistake; its log says more.");

    [LoggerMessage(EventIds.RequestFailed, LogLevel.Error, "A request failed by a mistake of this program.")]
    private static partial void LogMistake(ILogger logger, Exception exception);
}
