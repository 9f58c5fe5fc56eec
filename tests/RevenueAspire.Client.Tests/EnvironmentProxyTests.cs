using RevenueAspire.Client.Http;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.Tests;

/// <summary>curl's rules for the proxy variables. Each rule was checked against curl (7.88, or a later version for IPv6 networks). The only difference is
/// loopback, which never uses a proxy here.</summary>
public sealed class EnvironmentProxyTests
{
    private const string Proxy = "http://proxy:3128/";

    [Theory]
    [InlineData("http://api.example/", Proxy, "HTTP_PROXY=http://proxy:3128")]
    [InlineData("http://api.example/", Proxy, "http_proxy=proxy:3128")]
    [InlineData("http://api.example/", Proxy, "http_proxy=http://proxy:3128", "HTTP_PROXY=http://other:1")]
    [InlineData("http://api.example/", null, "https_proxy=http://proxy:3128")]
    [InlineData("https://api.example/", Proxy, "HTTPS_PROXY=http://proxy:3128")]
    [InlineData("https://api.example/", null, "HTTP_PROXY=http://proxy:3128")]
    [InlineData("https://api.example/", Proxy, "ALL_PROXY=http://proxy:3128")]
    [InlineData("http://api.example/", "http://proxy:1080/", "HTTP_PROXY=proxy")]
    [InlineData("http://api.example/", "http://proxy/", "HTTP_PROXY=http://proxy:80")]
    [InlineData("http://api.example/", "https://proxy/", "HTTP_PROXY=https://proxy")]
    [InlineData("http://api.example/", "socks5://proxy:1080/", "ALL_PROXY=socks5h://proxy")]
    [InlineData("http://api.example/", Proxy, "HTTP_PROXY=http://user:p%40ss@proxy:3128")]
    [InlineData("http://api.example/", null, "HTTP_PROXY=")]
    public void The_scheme_selects_the_variable(string url, string? proxy, params string[] variables) => Assert.Equal(proxy, Find(url, variables));

    [Theory]
    [InlineData("http://api.example/", "api.example", true)]
    [InlineData("http://api.example:8000/", "api.example", true)]
    [InlineData("http://API.example/", "api.EXAMPLE", true)]
    [InlineData("http://www.api.example/", "api.example", true)]
    [InlineData("http://www.api.example/", ".api.example", true)]
    [InlineData("http://api.example/", ".api.example", true)]
    [InlineData("http://notapi.example/", "api.example", false)]
    [InlineData("http://api.example./", "api.example", true)]
    [InlineData("http://api.example/", "other, api.example", true)]
    [InlineData("http://api.example/", "other api.example", true)]
    [InlineData("http://api.example/", "*", true)]
    [InlineData("http://api.example/", "*.example", false)]
    [InlineData("http://10.1.2.3/", "10.1.2.3", true)]
    [InlineData("http://10.1.2.3/", "10.0.0.0/8", true)]
    [InlineData("http://11.1.2.3/", "10.0.0.0/8", false)]
    [InlineData("http://[fd00::1]/", "fd00::/8", true)]
    [InlineData("http://[fd00::1]/", "[fd00::1]", true)]
    [InlineData("http://api.example/", "", false)]
    public void No_proxy_selects_direct_connections(string url, string noProxy, bool isDirect) =>
        Assert.Equal(isDirect ? null : Proxy, Find(url, "HTTP_PROXY=" + Proxy, "NO_PROXY=" + noProxy));

    [Fact]
    public void Lower_case_has_precedence_over_upper_case() =>
        Assert.Equal(Proxy, Find("http://api.example/", "HTTP_PROXY=" + Proxy, "no_proxy=other", "NO_PROXY=*"));

    [Theory]
    [InlineData("http://localhost:8000/")]
    [InlineData("http://LOCALHOST/")]
    [InlineData("http://api.localhost/")]
    [InlineData("http://127.0.0.1/")]
    [InlineData("http://127.9.9.9/")]
    [InlineData("http://[::1]:8000/")]
    [InlineData("http://[::ffff:127.0.0.1]/")]
    public void Requests_to_this_machine_never_use_a_proxy(string url) => Assert.Null(Find(url, "ALL_PROXY=http://proxy:3128"));

    [Theory]
    [InlineData("HTTP_PROXY=ftp://user:hunter2@proxy")]
    [InlineData("https_proxy=http://user:hunter2@")]
    [InlineData("ALL_PROXY=http://user:hunter2@pro xy")]
    public void An_invalid_proxy_address_is_reported_without_its_value(string variable)
    {
        var failure = Assert.Throws<UserErrorException>(() => Find("http://api.example/", variable));

        Assert.StartsWith(variable.Split('=')[0].ToUpperInvariant() + " is not a proxy's address", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void User_and_password_are_decoded_and_used_only_for_their_proxy()
    {
        var proxy = Read("HTTP_PROXY=http://us%20er:p%40ss@proxy:3128", "HTTPS_PROXY=http://other:1")!;

        var credential = proxy.Credentials!.GetCredential(new Uri(Proxy), "Basic")!;
        Assert.Equal(("us er", "p@ss"), (credential.UserName, credential.Password));
        Assert.Null(proxy.Credentials.GetCredential(new Uri("http://other:1"), "Basic"));
    }

    private static string? Find(string url, params string[] variables) => Read(variables)?.GetProxy(new Uri(url))?.AbsoluteUri;

    private static EnvironmentProxy? Read(params string[] variables)
    {
        var environment = variables.Select(variable => variable.Split('=', 2)).ToDictionary(parts => parts[0], parts => parts[1]);
        return EnvironmentProxy.Read(environment.GetValueOrDefault);
    }
}
