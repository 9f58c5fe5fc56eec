using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Options;
using RevenueAspire.Client.Http;
using RevenueAspire.CommandLine;
using RevenueAspire.ServiceDefaults;

namespace RevenueAspire.Client.Service;

/// <summary>The web service: wiring only.</summary>
internal static class ClientService
{
    private const int DefaultPort = 3000;

    /// <summary>Runs until it is told to stop.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync()
    {
        // The command line takes no settings: a mistyped option must not go unseen.
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

    /// <summary>Problems as the API writes them (RFC 9457): title and status code say the same, the rest is in the detail.</summary>
    private static void ShapeProblem(ProblemDetailsContext context)
    {
        var status = context.ProblemDetails.Status ?? context.HttpContext.Response.StatusCode;
        context.ProblemDetails.Type = "about:blank";
        context.ProblemDetails.Title = ReasonPhrases.GetReasonPhrase(status);
        context.ProblemDetails.Detail ??= status switch
        {
            StatusCodes.Status404NotFound => "Nothing is at this path; POST /generateEvents sends the configured file.",
            StatusCodes.Status405MethodNotAllowed => $"This path does not take {context.HttpContext.Request.Method}.",
            _ => "The service made a mistake; its log says more.",
        };
        context.ProblemDetails.Extensions.Remove("traceId");
    }

    private static bool HasOwnAddress(ConfigurationManager configuration) =>
        configuration["urls"] is { Length: > 0 }
        || configuration["http_ports"] is { Length: > 0 }
        || configuration["https_ports"] is { Length: > 0 }
        || configuration.GetSection("Kestrel:Endpoints").GetChildren().Any();
}
