using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace RevenueAspire.Benchmarks.Ingest;

/// <summary>
/// The server to compare the API with: a Kestrel minimal API with default settings that reads a body, drops it and answers 202. It also receives the API's
/// telemetry.
/// </summary>
internal static class BareServer
{
    public const string Argument = "bare-server";

    /// <summary>Listens until the process is killed.</summary>
    public static async Task RunAsync(string url)
    {
        var builder = WebApplication.CreateBuilder(["--urls", url]);
        builder.Logging.ClearProviders();
        await using var app = builder.Build();
        app.Map("/{**any}", ReadAndDropAsync);
        app.MapPost("/liveEvent", ReadAndDropAsync);
        app.MapPost("/liveEvents", ReadAndDropAsync);
        await app.RunAsync();
    }

    private static async Task ReadAndDropAsync(HttpContext context)
    {
        var reader = context.Request.BodyReader;
        while (true)
        {
            var read = await reader.ReadAsync();
            reader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                context.Response.StatusCode = StatusCodes.Status202Accepted;
                return;
            }
        }
    }
}
