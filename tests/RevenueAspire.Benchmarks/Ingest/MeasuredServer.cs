using System.Diagnostics;
using RevenueAspire.Testing;

namespace RevenueAspire.Benchmarks.Ingest;

/// <summary>A measured server as a separate process.</summary>
internal sealed class MeasuredServer : IAsyncDisposable
{
    private readonly ServiceProcess? _service;
    private readonly Process? _process;
    private readonly TempDirectory? _data;

    private MeasuredServer(string url, ServiceProcess? service, Process? process, TempDirectory? data) =>
        (Url, _service, _process, _data) = (url, service, process, data);

    public string Url { get; }

    public int ProcessId => _service?.Id ?? _process?.Id ?? throw new ObjectDisposedException(nameof(MeasuredServer));

    /// <summary>Starts the real API, built in Release, with default settings and an empty log; metrics and traces are on and go to a collector.</summary>
    public static Task<MeasuredServer> StartApiAsync(string collector, params string[] further) => StartApiAsync("RevenueAspire.Api", collector, further);

    /// <summary>Starts another build of the API in the same way.</summary>
    /// <param name="program">Name of a project, or the path of an assembly.</param>
    /// <param name="collector">Base address that accepts telemetry exports.</param>
    /// <param name="further">Additional settings.</param>
    public static async Task<MeasuredServer> StartApiAsync(string program, string collector, string[] further)
    {
        var data = new TempDirectory();
        var url = $"http://127.0.0.1:{FreePort.Next()}";
        var service = ServiceProcess.Start(
            program,
            [$"--urls={url}", $"--Data:Directory={data.Path}", "--Ingest:Secrets=secret", "--Logging:LogLevel:RevenueAspire.Ledger=Error", .. further],
            new Dictionary<string, string?> { ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector, ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf" });
        await service.WaitForUrlAsync(url + "/health");
        return new MeasuredServer(url, service, null, data);
    }

    /// <summary>Starts a <see cref="BareServer"/>.</summary>
    public static async Task<MeasuredServer> StartBareAsync()
    {
        var url = $"http://127.0.0.1:{FreePort.Next()}";
        var service = ServiceProcess.Start(typeof(MeasuredServer).Assembly.Location, [BareServer.Argument, url]);
        await service.WaitForUrlAsync(url + "/");
        return new MeasuredServer(url, service, null, null);
    }

    /// <summary>Starts a server like the public Node implementations; null if Node is not installed.</summary>
    public static async Task<MeasuredServer?> StartNodeAsync()
    {
        var data = new TempDirectory();
        var port = FreePort.Next();
        try
        {
            var process = Process.Start("node", [Path.Combine(AppContext.BaseDirectory, "Ingest", "NodeServer.js"), $"{port}", data.File("events.jsonl")]);
            await Task.Delay(1000);
            return new MeasuredServer($"http://127.0.0.1:{port}", null, process, data);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            data.Dispose();
            return null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_service is not null)
        {
            await _service.DisposeAsync();
        }

        _process?.Kill();
        _process?.Dispose();
        _data?.Dispose();
    }
}
