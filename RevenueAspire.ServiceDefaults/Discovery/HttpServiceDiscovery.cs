using Microsoft.Extensions.DependencyInjection;

namespace RevenueAspire.ServiceDefaults.Discovery;

/// <summary>Lets every HttpClient of the factory call services by name: <c>https+http://api</c>.</summary>
internal static class HttpServiceDiscovery
{
    /// <summary>With Aspire's packages by Microsoft.Extensions.ServiceDiscovery; else by <see cref="ConfiguredServiceHandler"/>, which reads the same settings.</summary>
    public static void AddHttpServiceDiscovery(this IServiceCollection services)
    {
#if ASPIRE
        services.AddServiceDiscovery();
        services.ConfigureHttpClientDefaults(http => http.AddServiceDiscovery());
#else
        services.AddTransient<ConfiguredServiceHandler>();
        services.ConfigureHttpClientDefaults(http => http.AddHttpMessageHandler<ConfiguredServiceHandler>());
#endif
    }
}
