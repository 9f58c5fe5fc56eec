using System.Net;

namespace RevenueAspire.Api.Tests.Access;

/// <summary>The API answers only requests for its own host names.</summary>
public sealed class HostTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("Development", null, "localhost:8000", true)]
    [InlineData("Development", null, "127.0.0.1:8000", true)]
    [InlineData("Development", null, "[::1]:8000", true)]
    [InlineData("Development", null, "rebound.example", false)]
    [InlineData("Development", "*", "rebound.example", true)]
    [InlineData("Production", null, "anything.example", true)]
    [InlineData("Production", "api.example;*.internal", "api.example", true)]
    [InlineData("Production", "api.example;*.internal", "a.internal:443", true)]
    [InlineData("Production", "api.example;*.internal", "localhost", false)]
    public async Task A_request_for_another_host_is_400(string environment, string? hosts, string host, bool answered)
    {
        string[] settings = ["environment=" + environment, .. hosts is null ? (string[])[] : ["AllowedHosts=" + hosts]];
        await using var api = await ApiHost.StartAsync(_directory, null, settings);

        foreach (var (method, path, status) in new[] { ("POST", "/liveEvent", HttpStatusCode.Accepted), ("GET", "/alive", HttpStatusCode.OK) })
        {
            var body = method == "POST" ? Sample.Plain : "";
            var answer = await api.SendRawAsync(
                $"{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {ApiHost.Secret}\r\nContent-Length: {body.Length}\r\n"
                    + $"Connection: close\r\n\r\n{body}");

            Assert.StartsWith($"HTTP/1.1 {(answered ? (int)status : 400)} ", answer, StringComparison.Ordinal);
            Assert.Equal(!answered, answer.Contains("application/problem+json", StringComparison.Ordinal));
        }

        Assert.Equal(answered ? 1 : 0, api.Records().Count);
    }
}
