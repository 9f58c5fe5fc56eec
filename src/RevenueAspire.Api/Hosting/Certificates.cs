using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace RevenueAspire.Api.Hosting;

/// <summary>The certificates in Kestrel's settings, renewed without a restart.</summary>
internal static class Certificates
{
    /// <summary>Watches the files of <c>Kestrel:Certificates:Default</c> and of <c>Kestrel:Endpoints:NAME:Certificate</c>.</summary>
    public static void AddCertificates(this WebApplicationBuilder builder)
    {
        var settings = builder.Configuration.GetSection("Kestrel");
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            var logger = kestrel.ApplicationServices.GetRequiredService<ILogger<CertificateFile>>();
            // Kestrel's own reload would close the endpoint of a changed certificate.
            var loader = kestrel.Configure(settings, reloadOnChange: false);
            var common = Open(settings.GetSection("Certificates:Default"));
            var endpoints = settings.GetSection("Endpoints").GetChildren().ToArray();
            if (common is not null && endpoints.Length == 0)
            {
                kestrel.ConfigureHttpsDefaults(https => Follow(https, common));
            }

            foreach (var endpoint in endpoints.Where(endpoint => IsFollowed(endpoint, settings)))
            {
                if ((Open(endpoint.GetSection("Certificate")) ?? common) is { } file)
                {
                    loader.Endpoint(endpoint.Key, configured =>
                    {
                        if (configured.IsHttps)
                        {
                            Follow(configured.HttpsOptions, file);
                        }
                    });
                }
            }

            CertificateFile? Open(IConfigurationSection section) => CertificateFile.Open(section, builder.Environment.ContentRootPath, logger);
        });
    }

    /// <summary>Whether all connections of the endpoint use one certificate file. False if the host name selects it (<c>Sni</c>) or a certificate store
    /// contains it, and for HTTP/3, which has no hook to select it.</summary>
    private static bool IsFollowed(IConfigurationSection endpoint, IConfigurationSection settings) =>
        !endpoint.GetSection("Sni").GetChildren().Any()
        && endpoint["Certificate:Subject"] is null
        && (endpoint["Protocols"] ?? settings["EndpointDefaults:Protocols"])?.Contains("Http3", StringComparison.OrdinalIgnoreCase) is not true;

    private static void Follow(HttpsConnectionAdapterOptions https, CertificateFile file) =>
        https.OnAuthenticate = (_, options) => options.ServerCertificateContext = file.Current();
}
