using System.Net;
using System.Text.Json;
using RevenueAspire.Testing;

namespace RevenueAspire.Client.Tests;

/// <summary>Starts the service as a process with separate data, file and port.</summary>
public abstract class ServiceFixture : IDisposable
{
    private readonly TempDirectory _directory = new();

    protected static HttpClient Http { get; } = new() { Timeout = TimeSpan.FromSeconds(30) };

    protected int Port { get; } = FreePort.Next();

    protected Uri Generate => new($"http://127.0.0.1:{Port}/generateEvents");

    protected string FilePath(string name) => _directory.File(name);

    public void Dispose()
    {
        _directory.Dispose();
        GC.SuppressFinalize(this);
    }

    protected async Task AssertFailsAsync(string message, params (string Name, string Value)[] settings)
    {
        var environment = settings.Prepend(("ASPNETCORE_ENVIRONMENT", "Development")).GroupBy(setting => setting.Item1).ToDictionary(
            group => group.Key, group => (string?)group.Last().Item2);
        environment["Data__Directory"] = _directory.File("data");
        await using var client = await ServiceProcess.RunAsync("RevenueAspire.Client", [], environment);
        Assert.Equal(1, client.ExitCode);
        Assert.Contains(message, Assert.Single(client.StandardError), StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", client.Output, StringComparison.Ordinal);
    }

    protected string Write(string[] lines)
    {
        File.WriteAllText(_directory.File("file.jsonl"), string.Concat(lines.Select(line => line + "\n")));
        return _directory.File("file.jsonl");
    }

    protected async Task<ServiceProcess> StartAsync(Uri api, string? file, params (string Name, string Value)[] settings)
    {
        var environment = new Dictionary<string, string?>
        {
            ["ASPNETCORE_ENVIRONMENT"] = "Development",
            ["ASPNETCORE_URLS"] = $"http://127.0.0.1:{Port}",
            ["Data__Directory"] = _directory.File("data"),
            ["Client__Url"] = api.OriginalString,
            ["Client__File"] = file,
        };
        foreach (var (name, value) in settings)
        {
            environment[name] = value;
        }

        var process = ServiceProcess.Start("RevenueAspire.Client", [], environment);
        await process.WaitForUrlAsync(new Uri(Generate, "/alive").ToString());
        return process;
    }

    protected static async Task AssertProblemAsync(HttpStatusCode status, string text, HttpResponseMessage answer)
    {
        Assert.Equal(status, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        var body = await answer.Content.ReadAsStringAsync();
        using var json = JsonDocument.Parse(body);
        Assert.Equal((int)status, json.RootElement.GetProperty("status").GetInt32());
        Assert.Equal("about:blank", json.RootElement.GetProperty("type").GetString());
        Assert.False(json.RootElement.TryGetProperty("traceId", out _));
        Assert.Contains(text, body, StringComparison.Ordinal);
    }
}
