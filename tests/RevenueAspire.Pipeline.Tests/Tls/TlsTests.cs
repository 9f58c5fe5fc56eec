using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using RevenueAspire.Pipeline.Tests.Documents;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests.Tls;

/// <summary>An API with the certificate settings that docs/operations.md shows, and the real client.</summary>
public sealed class TlsTests : IAsyncDisposable
{
    private readonly Installation _installation = Installation.WithoutDatabase();
    private readonly TestAuthority _authority = new("Private CA");
    private readonly int _port = FreePort.Next();

    private string Url => $"https://localhost:{_port}/";

    private string Certificate => _installation.File("fullchain.pem");

    private string Key => _installation.File("privkey.pem");

    public async ValueTask DisposeAsync()
    {
        await _installation.DisposeAsync();
        _authority.Dispose();
    }

    [Fact]
    public async Task The_client_sends_over_TLS_with_a_private_authority()
    {
        _authority.Issue(Certificate, Key);
        await StartApiAsync(DocumentedSettings());

        await using var send = await SendAsync(Url, 20);

        Assert.True(send.ExitCode == 0, send.Output);
        Assert.Equal(20, _installation.LogLines());
    }

    [Fact]
    public async Task An_untrusted_certificate_is_reported_at_once_in_one_line_with_the_cause()
    {
        using var other = new TestAuthority("Other CA");
        (string Name, Action<string, string> Issue, string Cause)[] cases =
        [
            ("Unknown", (certificate, key) => other.Issue(certificate, key),
                "its certificate is from an authority that this machine does not trust; set SSL_CERT_FILE to a PEM file of trusted authorities"),
            ("Host", (certificate, key) => _authority.Issue(certificate, key, host: "api.example"), "its certificate is for another host name"),
            ("Expired", (certificate, key) => _authority.Issue(certificate, key, fromDays: -9, toDays: -1), "its certificate has expired, or is not valid yet"),
            ("Early", (certificate, key) => _authority.Issue(certificate, key, fromDays: 1, toDays: 9), "its certificate has expired, or is not valid yet"),
        ];
        var settings = new Dictionary<string, string?>();
        var ports = cases.ToDictionary(test => test.Name, _ => FreePort.Next());
        foreach (var (name, issue, _) in cases)
        {
            var (certificate, key) = (_installation.File(name + ".pem"), _installation.File(name + ".key"));
            issue(certificate, key);
            settings[$"Kestrel__Endpoints__{name}__Url"] = $"https://localhost:{ports[name]}";
            settings[$"Kestrel__Endpoints__{name}__Certificate__Path"] = certificate;
            settings[$"Kestrel__Endpoints__{name}__Certificate__KeyPath"] = key;
        }

        await StartApiAsync(settings);

        foreach (var (name, _, cause) in cases)
        {
            await using var send = await SendAsync($"https://localhost:{ports[name]}/", 3);

            Assert.Equal(1, send.ExitCode);
            Assert.Equal($"Nothing can be sent to https://localhost:{ports[name]}/: {cause}.", Assert.Single(send.StandardError));
        }

        Assert.Equal(0, _installation.LogLines());
    }

    [Fact]
    public async Task A_renewed_certificate_is_used_without_a_restart_while_a_client_sends()
    {
        var first = _authority.Issue(Certificate, Key);
        var api = await StartApiAsync(DocumentedSettings());
        Assert.Equal(first, await ServedAsync());
        var events = 600;
        await using var send = Send(Url, events, "--rate", "150");
        await Eventually.IsTrueAsync(() => _installation.LogLines() > 50);

        var second = _authority.Issue(Certificate, Key);

        await Eventually.EqualsAsync(second, ServedAsync);
        await api.WaitForLineAsync("was renewed and expires on");
        Assert.True(await send.WaitForExitAsync(TimeSpan.FromSeconds(60)) == 0, send.Output);
        Assert.Equal(events, _installation.LogLines());
        Assert.DoesNotContain("waiting for", send.Output, StringComparison.Ordinal);

        // A new certificate without its key changes nothing. The matching key then completes the pair.
        var third = _authority.Issue(Certificate, _installation.File("third.key"));
        await Eventually.IsTrueAsync(
            async () => await ServedAsync() == second && api.Output.Contains("the previous one stays in use", StringComparison.Ordinal));
        File.Move(_installation.File("third.key"), Key, overwrite: true);
        await Eventually.EqualsAsync(third, ServedAsync);
        Assert.DoesNotContain("   at ", api.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_default_certificate_is_not_used_for_a_host_name_with_a_separate_certificate()
    {
        _authority.Issue(Certificate, Key);
        var (named, namedKey) = (_installation.File("named.pem"), _installation.File("named.key"));
        _authority.Issue(named, namedKey);
        var settings = DocumentedSettings();
        settings["Kestrel__Endpoints__Https__Sni__localhost__Certificate__Path"] = named;
        settings["Kestrel__Endpoints__Https__Sni__localhost__Certificate__KeyPath"] = namedKey;
        await StartApiAsync(settings);

        using var expected = X509Certificate2.CreateFromPemFile(named, namedKey);
        Assert.Equal(expected.SerialNumber, await ServedAsync());
    }

    [Theory]
    [InlineData("no file", "Kestrel:Certificates:Default: the certificate {0} cannot be used: Could not find file '{0}'.")]
    [InlineData("no key", "Kestrel:Certificates:Default: the certificate {0} cannot be used: Could not find file '{1}'.")]
    [InlineData("not PEM", "Kestrel:Certificates:Default: the certificate {0} cannot be used: ")]
    [InlineData("another key", "Kestrel:Certificates:Default: the certificate {0} cannot be used: ")]
    public async Task An_unusable_certificate_is_refused_by_name(string kind, string message)
    {
        _authority.Issue(Certificate, Key);
        var broken = kind == "no file" ? Certificate : kind == "not PEM" ? Certificate : Key;
        File.Delete(broken);
        if (kind is "not PEM")
        {
            File.WriteAllText(broken, "nonsense");
        }
        else if (kind is "another key")
        {
            _authority.Issue(_installation.File("other.pem"), broken);
        }

        var settings = DocumentedSettings();
        settings["ASPNETCORE_URLS"] = null;
        var api = _installation.Start("RevenueAspire.Api", settings);

        Assert.Equal(1, await api.WaitForExitAsync(TimeSpan.FromSeconds(30)));
        Assert.StartsWith(string.Format(null, message, Certificate, Key), Assert.Single(api.StandardError), StringComparison.Ordinal);
    }

    /// <summary>The document's settings, with this test's port and folder.</summary>
    private Dictionary<string, string?> DocumentedSettings()
    {
        var json = DocumentBlock.RunBy(nameof(TlsTests)).Text
            .Replace("https://*:8443", $"https://localhost:{_port}", StringComparison.Ordinal)
            .Replace("/etc/letsencrypt/live/api.example.com/", Path.GetDirectoryName(Certificate) + "/", StringComparison.Ordinal);
        using var document = JsonDocument.Parse(json);
        return Flatten("", document.RootElement).ToDictionary();
    }

    private static IEnumerable<KeyValuePair<string, string?>> Flatten(string name, JsonElement value) => value.ValueKind == JsonValueKind.Object
        ? value.EnumerateObject().SelectMany(member => Flatten(name.Length == 0 ? member.Name : $"{name}__{member.Name}", member.Value))
        : [KeyValuePair.Create(name, value.GetString())];

    private async Task<ServiceProcess> StartApiAsync(Dictionary<string, string?> settings)
    {
        settings["ASPNETCORE_URLS"] = null;
        settings["Kestrel__Endpoints__Plain__Url"] = _installation.ApiUrl;
        var api = _installation.Start("RevenueAspire.Api", settings);
        await api.WaitForUrlAsync(_installation.ApiUrl + "/health");
        return api;
    }

    private async Task<ServiceProcess> SendAsync(string url, int events)
    {
        var send = Send(url, events);
        await send.WaitForExitAsync(TimeSpan.FromSeconds(20));
        return send;
    }

    private ServiceProcess Send(string url, int events, params string[] options)
    {
        File.WriteAllText(_installation.File("ca.pem"), _authority.Pem);
        File.WriteAllLines(
            _installation.File("events.jsonl"),
            Enumerable.Range(1, events).Select(i => string.Create(null, $$"""{"userId":"user{{i}}","name":"add_revenue","value":{{i}}}""")));
        var settings = new Dictionary<string, string?> { ["SSL_CERT_FILE"] = _installation.File("ca.pem") };
        return _installation.Start("RevenueAspire.Client", settings, ["send", _installation.File("events.jsonl"), "--url", url, .. options]);
    }

    /// <summary>The serial number of the certificate on a new connection.</summary>
    private async Task<string> ServedAsync()
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync("localhost", _port);
        await using var tls = new SslStream(socket.GetStream());
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            CertificateChainPolicy = _authority.Trust,
        });
        return ((X509Certificate2)tls.RemoteCertificate!).SerialNumber;
    }
}
