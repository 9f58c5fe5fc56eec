using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace RevenueAspire.Client.Tests;

/// <summary>A web server that is not the API. It returns, for example, a proxy's page or a redirect, or has an untrusted certificate. Thread-safe.</summary>
internal sealed class StubServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly X509Certificate2? _certificate;

    private StubServer(WebApplication app, X509Certificate2? certificate) => (_app, _certificate) = (app, certificate);

    public int Port => new Uri(_app.Urls.Single()).Port;

    /// <summary>Methods and targets of all requests, in order of arrival.</summary>
    public ConcurrentQueue<string> Requests { get; } = [];

    /// <param name="answer">Answers each request.</param>
    /// <param name="withTls">Whether the server uses a self-signed certificate.</param>
    public static async Task<StubServer> StartAsync(RequestDelegate answer, bool withTls = false)
    {
        var certificate = withTls ? SelfSigned() : null;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            if (certificate is not null)
            {
                listen.UseHttps(certificate);
            }
        }));
        var app = builder.Build();
        var server = new StubServer(app, certificate);
        app.Run(context =>
        {
            server.Requests.Enqueue($"{context.Request.Method} {context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!.RawTarget}");
            return answer(context);
        });
        await app.StartAsync();
        return server;
    }

    /// <summary>Writes a page like a proxy's.</summary>
    public static Task Page(HttpContext context, int status)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/html";
        return context.Response.WriteAsync($"<html><head><title>{status}</title></head><body>nginx</body></html>");
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _certificate?.Dispose();
    }

    private static X509Certificate2 SelfSigned()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }
}
