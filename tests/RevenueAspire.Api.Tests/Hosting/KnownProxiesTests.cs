using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using RevenueAspire.Api.Tests.Support;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Api.Tests.Hosting;

/// <summary>Forwarded headers are trusted only from named proxies.</summary>
public sealed class KnownProxiesTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("127.0.0.1 http")]
    [InlineData("127.0.0.1 http", "forwardedHeaders_enabled=true")]
    [InlineData("127.0.0.1 http", "Api:KnownProxies:0=10.0.0.5")]
    [InlineData("127.0.0.1 http", "Api:KnownProxies:0=10.0.0.5", "forwardedHeaders_enabled=true")]
    [InlineData("203.0.113.9 https", "Api:KnownProxies:0=10.0.0.5", "Api:KnownProxies:1=127.0.0.1")]
    [InlineData("203.0.113.9 https", "Api:KnownProxies:0=127.0.0.0/8")]
    [InlineData("203.0.113.9 https", "Api:KnownProxies=127.0.0.1")]
    public async Task Forwarded_headers_are_trusted_only_from_a_named_proxy(string seen, params string[] settings)
    {
        await using var api = await ApiHost.StartAsync(
            _directory, null, builder => builder.Services.AddSingleton<IStartupFilter>(new Echo()), settings);

        var answer = await api.GetAsync("/echo", ("X-Forwarded-For", "198.51.100.1, 203.0.113.9"), ("X-Forwarded-Proto", "http, https"));

        Assert.Equal(seen, answer.Body);
    }

    [Theory]
    [InlineData("proxy.example")]
    [InlineData("10.0.0.0/33")]
    [InlineData("http://10.0.0.5")]
    public void An_invalid_address_is_refused_by_name(string entry)
    {
        var failure = Assert.Throws<UserErrorException>(
            () => Program.Build([$"--EventLog:Directory={_directory.File("events")}", "--Ingest:Secrets=s", "--Api:KnownProxies:0=" + entry]));

        Assert.StartsWith($"Api:KnownProxies: '{entry}' is neither an address", failure.Message, StringComparison.Ordinal);
    }

    /// <summary>Runs after the API's own middleware, and answers with the scheme and address of the request.</summary>
    private sealed class Echo : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            next(app);
            app.Run(context => context.Response.WriteAsync($"{context.Connection.RemoteIpAddress} {context.Request.Scheme}"));
        };
    }
}
