using System.Diagnostics;
using System.Net.Sockets;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests.Tls;

/// <summary>nginx with <c>deploy/nginx.conf</c>; killed on disposal.</summary>
internal sealed class Nginx : IAsyncDisposable
{
    private readonly Process _process;

    private Nginx(Process process) => _process = process;

    /// <summary>Path of the program, or null if it is not installed. CI installs it, so the tests fail there without it.</summary>
    public static string? Find() =>
        ((string[])["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/bin/nginx", "/opt/homebrew/bin/nginx"]).FirstOrDefault(File.Exists)
        ?? (Environment.GetEnvironmentVariable("CI") is { Length: > 0 } ? throw new FileNotFoundException("CI has no nginx: .ci/run installs it.") : null);

    /// <summary>Starts nginx and waits until it listens.</summary>
    /// <param name="program">See <see cref="Find"/>.</param>
    /// <param name="folder">Absolute path of the folder for its files.</param>
    /// <param name="port">Port with TLS.</param>
    /// <param name="api">The API's port.</param>
    /// <param name="certificate">Path of the PEM certificate.</param>
    /// <param name="key">Path of the PEM key.</param>
    public static async Task<Nginx> StartAsync(string program, string folder, int port, int api, string certificate, string key)
    {
        Directory.CreateDirectory(folder);
        var site = File.ReadAllText(Path.Combine(Repository.Root, "deploy/nginx.conf"));
        foreach (var (documented, actual) in (ReadOnlySpan<(string, string)>)
            [("127.0.0.1:8000", $"127.0.0.1:{api}"), ("listen 443 ssl", $"listen 127.0.0.1:{port} ssl"),
            ("/etc/letsencrypt/live/api.example.com/fullchain.pem", certificate), ("/etc/letsencrypt/live/api.example.com/privkey.pem", key)])
        {
            Assert.Contains(documented, site, StringComparison.Ordinal);
            site = site.Replace(documented, actual, StringComparison.Ordinal);
        }

        await File.WriteAllTextAsync(Path.Combine(folder, "site.conf"), site);
        var user = OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess ? "user root;" : "";
        await File.WriteAllTextAsync(
            Path.Combine(folder, "nginx.conf"),
            $$"""
            daemon off;
            {{user}}
            pid {{folder}}/pid;
            worker_processes 1;
            error_log stderr warn;
            events { worker_connections 256; }
            http {
                access_log off;
                client_body_temp_path {{folder}}/body;
                proxy_temp_path {{folder}}/proxy;
                fastcgi_temp_path {{folder}}/fastcgi;
                uwsgi_temp_path {{folder}}/uwsgi;
                scgi_temp_path {{folder}}/scgi;
                include {{folder}}/site.conf;
            }
            """);
        var process = Process.Start(new ProcessStartInfo(program, ["-p", folder, "-c", Path.Combine(folder, "nginx.conf"), "-e", "stderr"]))!;
        var nginx = new Nginx(process);
        await Eventually.IsTrueAsync(async () =>
        {
            using var socket = new TcpClient();
            try
            {
                await socket.ConnectAsync("127.0.0.1", port);
                return true;
            }
            catch (SocketException) when (!process.HasExited)
            {
                return false;
            }
        });
        return nginx;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }
}
