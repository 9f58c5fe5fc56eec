using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace RevenueAspire.Api.Hosting;

/// <summary>The certificates of Kestrel's settings, renewed without a restart.</summary>
internal static class Certificates
{
    /// <summary>Follows the files of <c>Kestrel:Certificates:Default</c> and of each <c>Kestrel:Endpoints:NAME:Certificate</c>.</summary>
    public static WebApplicationBuilder AddCertificates(this WebApplicationBuilder builder)
    {
        var settings = builder.Configuration.GetSection("Kestrel");
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            var logger = kestrel.ApplicationServices.GetRequiredService<ILogger<CertificateFile>>();
            // Kestrel's own reload would close the endpoint of a changed certificate.
            var loader = kestrel.Configure(settings, reloadOnChange: false);
            if (Open(settings.GetSection("Certificates:Default")) is { } common)
            {
                kestrel.ConfigureHttpsDefaults(https => Follow(https, common));
            }

            foreach (var endpoint in settings.GetSection("Endpoints").GetChildren())
            {
                if (Open(endpoint.GetSection("Certificate")) is { } own)
                {
                    loader.Endpoint(endpoint.Key, configured => Follow(configured.HttpsOptions, own));
                }
            }

            CertificateFile? Open(IConfigurationSection section) => CertificateFile.Open(section, builder.Environment.ContentRootPath, logger);
        });
        return builder;
    }

    private static void Follow(HttpsConnectionAdapterOptions https, CertificateFile file) =>
        https.OnAuthenticate = (_, options) => options.ServerCertificateContext = file.Current();
}
