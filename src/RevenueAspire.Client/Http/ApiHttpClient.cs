namespace RevenueAspire.Client.Http;

/// <summary>The connections to the API: many parallel HTTP/1.1 requests without the handlers that a run does not need.</summary>
internal static class ApiHttpClient
{
    public const string Name = "api";

    /// <summary>Creates an invoker; all invokers share the connections of <see cref="Name"/>.</summary>
    public static HttpMessageInvoker CreateApiInvoker(this IHttpMessageHandlerFactory factory) => new(factory.CreateHandler(Name), disposeHandler: false);

    /// <summary>Registers the client under <see cref="Name"/>.</summary>
    /// <param name="services">Must contain service discovery.</param>
    /// <param name="concurrency">Maximum number of connections.</param>
    /// <param name="proxy">The environment's proxy, or null.</param>
    public static void AddApiHttpClient(this IServiceCollection services, Func<IServiceProvider, int> concurrency, EnvironmentProxy? proxy) =>
        services.AddHttpClient(Name)
            .UseSocketsHttpHandler((handler, provider) =>
            {
                handler.MaxConnectionsPerServer = concurrency(provider);
                handler.ConnectTimeout = TimeSpan.FromSeconds(5);
                // The idle time is shorter than that of servers. The lifetime limits how long a changed DNS entry goes unnoticed.
                handler.PooledConnectionIdleTimeout = TimeSpan.FromSeconds(60);
                handler.PooledConnectionLifetime = TimeSpan.FromMinutes(10);
                // A redirected POST would arrive as a GET. Report the wrong address instead.
                handler.AllowAutoRedirect = false;
                handler.UseCookies = false;
                handler.UseProxy = proxy is not null;
                handler.Proxy = proxy;
            })
            // Removes the default handlers: a run has its own retries and limits, and resolves its address once (ApiAddress).
            .ConfigureAdditionalHttpMessageHandlers((handlers, _) => handlers.Clear())
            .SetHandlerLifetime(Timeout.InfiniteTimeSpan)
            .RemoveAllLoggers();
}
