using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests.Tls;

/// <summary>The API with nginx in front, set up by <c>deploy/nginx.conf</c> and docs/operations.md.</summary>
public sealed class NginxTests : IAsyncDisposable
{
    private readonly TestAuthority _authority = new("Private CA");
    private readonly int _port = FreePort.Next();
    private Installation? _installation;
    private Nginx? _nginx;

    public async ValueTask DisposeAsync()
    {
        if (_nginx is not null)
        {
            await _nginx.DisposeAsync();
        }

        if (_installation is not null)
        {
            await _installation.DisposeAsync();
        }

        _authority.Dispose();
    }

    [Fact]
    public async Task The_client_sends_through_nginx_with_TLS()
    {
        var installation = await StartAsync(Installation.WithoutDatabase());
        await File.WriteAllTextAsync(installation.File("ca.pem"), _authority.Pem);
        var settings = new Dictionary<string, string?> { ["SSL_CERT_FILE"] = installation.File("ca.pem") };
        await File.WriteAllLinesAsync(
            installation.File("events.jsonl"),
            Enumerable.Range(1, 3000).Select(i => string.Create(null, $$"""{"userId":"user{{i}}","name":"add_revenue","value":{{i}}}""")));
        var url = string.Create(null, $"https://localhost:{_port}");

        foreach (var options in (string[][])[[], ["--batch", "1000"]])
        {
            await using var send = installation.Start("RevenueAspire.Client", settings, ["send", installation.File("events.jsonl"), "--url", url, .. options]);
            Assert.True(await send.WaitForExitAsync(TimeSpan.FromSeconds(60)) == 0, send.Output);
        }

        Assert.Equal(6000, installation.LogLines());
    }

    [Fact]
    public async Task Bodies_and_the_live_stream_pass_unbuffered()
    {
        await StartAsync(await Installation.CreateAsync());

        // nginx must pass on an incomplete body, so that the API can refuse a body that does not arrive in time.
        using var upload = await ConnectAsync();
        await upload.WriteAsync(Encoding.ASCII.GetBytes(
            $"POST /liveEvents HTTP/1.1\r\nHost: localhost\r\nAuthorization: {Installation.Secret}\r\nContent-Type: application/jsonl\r\n"
            + "Content-Length: 100000\r\n\r\n{\"userId\":"));
        Assert.StartsWith("HTTP/1.1 408", await ReadAsync(upload, "\r\n"), StringComparison.Ordinal);

        // A snapshot is smaller than any buffer of nginx, but must arrive without delay.
        using var stream = await ConnectAsync();
        await stream.WriteAsync(Encoding.ASCII.GetBytes("GET /liveLedger HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        Assert.Contains("event: ", await ReadAsync(stream, "\ndata: "), StringComparison.Ordinal);

    }

    private async Task<Installation> StartAsync(Installation installation)
    {
        _installation = installation;
        var program = Nginx.Find();
        Assert.SkipWhen(program is null, "This machine has no nginx (apt-get install nginx-light).");
        var (certificate, key) = (installation.File("fullchain.pem"), installation.File("privkey.pem"));
        _authority.Issue(certificate, key);
        installation.Settings["Api__BatchBodyTimeout"] = "00:00:02";
        installation.Settings["Api__KnownProxies__0"] = "127.0.0.1";
        installation.Settings["AllowedHosts"] = "localhost;127.0.0.1";
        await installation.StartApiAsync();
        _nginx = await Nginx.StartAsync(program!, installation.File("nginx"), _port, new Uri(installation.ApiUrl).Port, certificate, key);
        return installation;
    }

    private async Task<SslStream> ConnectAsync()
    {
        var socket = new TcpClient();
        await socket.ConnectAsync("127.0.0.1", _port);
        var tls = new SslStream(socket.GetStream());
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost", CertificateChainPolicy = _authority.Trust });
        return tls;
    }

    private static async Task<string> ReadAsync(SslStream stream, string end)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var text = new StringBuilder();
        var buffer = new byte[4096];
        while (!text.ToString().Contains(end, StringComparison.Ordinal))
        {
            var read = await stream.ReadAsync(buffer, limit.Token);
            Assert.True(read > 0, text.ToString());
            text.Append(Encoding.UTF8.GetString(buffer, 0, read));
        }

        return text.ToString();
    }
}
