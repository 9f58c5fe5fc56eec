using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace RevenueAspire.Benchmarks.Ingest;

/// <summary>
/// What the API is held against: a Kestrel minimal API, all defaults, that reads a body, drops it and answers 202. Also takes in what the API's
/// telemetry sends.
/// </summary>
internal static class BareServer
{
    public const string Argument = "bare-server";

    /// <summary>Listens until it is killed.</summary>
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
