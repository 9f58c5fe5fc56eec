namespace RevenueAspire.Client.Http;

/// <summary>The connections to the API: many parallel requests over HTTP/1.1, and nothing that a request does not need.</summary>
internal static class ApiHttpClient
{
    public const string Name = "api";

    /// <summary>The connections of <see cref="Name"/>, shared by all that this makes.</summary>
    public static HttpMessageInvoker CreateApiInvoker(this IHttpMessageHandlerFactory factory) => new(factory.CreateHandler(Name), disposeHandler: false);

    /// <summary>Registers the client under <see cref="Name"/>.</summary>
    /// <param name="services">Where service discovery is already registered.</param>
    /// <param name="concurrency">Connections at most.</param>
    /// <param name="proxy">The environment's proxy, or null.</param>
    public static void AddApiHttpClient(this IServiceCollection services, Func<IServiceProvider, int> concurrency, EnvironmentProxy? proxy) =>
        services.AddHttpClient(Name)
            .UseSocketsHttpHandler((handler, provider) =>
            {
                handler.MaxConnectionsPerServer = concurrency(provider);
                handler.ConnectTimeout = TimeSpan.FromSeconds(5);
                // Below the time after which servers close idle connections; also the longest that a changed DNS entry goes unseen.
                handler.PooledConnectionIdleTimeout = TimeSpan.FromSeconds(60);
                handler.PooledConnectionLifetime = TimeSpan.FromMinutes(10);
                // A redirected POST would arrive as a GET; a wrong address is better said than followed.
                handler.AllowAutoRedirect = false;
                handler.UseCookies = false;
                handler.UseProxy = proxy is not null;
                handler.Proxy = proxy;
            })
            // The defaults' handlers: a run has its own rules for retries and limits, and resolves its address once (ApiAddress).
            .ConfigureAdditionalHttpMessageHandlers((handlers, _) => handlers.Clear())
            .SetHandlerLifetime(Timeout.InfiniteTimeSpan)
            .RemoveAllLoggers();
}
