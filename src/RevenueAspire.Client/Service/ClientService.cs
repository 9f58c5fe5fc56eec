using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Options;
using RevenueAspire.Client.Http;
using RevenueAspire.CommandLine;
using RevenueAspire.ServiceDefaults;

namespace RevenueAspire.Client.Service;

/// <summary>Wires up the web service.</summary>
internal static class ClientService
{
    private const int DefaultPort = 3000;

    /// <summary>Runs the service until a stop signal.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync()
    {
        // The service takes no settings from the command line, where a mistyped option would go unnoticed.
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.AddServiceDefaults();
        builder.AddOneLineOutput();
        builder.AddHangupStop();
        builder.AddHostNames();
        builder.Services.AddClientOptions();
        builder.Services.AddServiceCredential(builder.Environment);
        builder.Services.AddApiHttpClient(services => services.GetRequiredService<IOptions<ClientOptions>>().Value.Concurrency, EnvironmentProxy.Install());
        builder.Services.AddProblemDetails(options => options.CustomizeProblemDetails = ShapeProblem);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(new JournalDirectory(Path.Combine(DataDirectory.Resolve(builder.Configuration), "client")));
        builder.Services.AddSingleton<FileSender>();
        builder.Services.AddHostedService<SendOnStart>();
        if (!HasOwnAddress(builder.Configuration))
        {
            builder.WebHost.UseUrls($"http://localhost:{DefaultPort}");
        }

        await using var app = builder.Build();
        app.UseExceptionHandler();
        app.UseStatusCodePages();
        app.MapDefaultEndpoints();
        app.MapGenerateEvents();
        await app.RunAsync();
        return 0;
    }

    /// <summary>Formats problems as the API does (RFC 9457): the title repeats the status code, the detail has the rest.</summary>
    private static void ShapeProblem(ProblemDetailsContext context)
    {
        var status = context.ProblemDetails.Status ?? context.HttpContext.Response.StatusCode;
        context.ProblemDetails.Type = "about:blank";
        context.ProblemDetails.Title = ReasonPhrases.GetReasonPhrase(status);
        context.ProblemDetails.Detail ??= status switch
        {
            StatusCodes.Status404NotFound => "Unknown path; POST /generateEvents sends the configured file.",
            StatusCodes.Status405MethodNotAllowed => $"This path does not support {context.HttpContext.Request.Method}.",
            _ => "Unexpected error in the service; see its log.",
        };
        context.ProblemDetails.Extensions.Remove("traceId");
    }

    private static bool HasOwnAddress(ConfigurationManager configuration) =>
        configuration["urls"] is { Length: > 0 }
        || configuration["http_ports"] is { Length: > 0 }
        || configuration["https_ports"] is { Length: > 0 }
        || configuration.GetSection("Kestrel:Endpoints").GetChildren().Any();
}
