using System.Collections.Concurrent;
using System.Net;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests;

/// <summary>Collects the raw telemetry that services export.</summary>
internal sealed class OtlpCollector : IAsyncDisposable
{
    private readonly HttpListener _listener;
    private readonly Task _collecting;
    private readonly string _url = $"http://127.0.0.1:{FreePort.Next()}/";

    public OtlpCollector()
    {
        _listener = new HttpListener { Prefixes = { _url } };
        _listener.Start();
        _collecting = CollectAsync();
    }

    /// <summary>The bodies of all exports so far.</summary>
    public ConcurrentQueue<byte[]> Received { get; } = new();

    /// <summary>Makes all processes that the installation starts afterwards export to this collector.</summary>
    public void Attach(Installation installation)
    {
        installation.Settings["OTEL_EXPORTER_OTLP_ENDPOINT"] = _url;
        installation.Settings["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf";
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Close();
        await _collecting;
    }

    private async Task CollectAsync()
    {
        try
        {
            while (true)
            {
                var context = await _listener.GetContextAsync();
                using var body = new MemoryStream();
                await context.Request.InputStream.CopyToAsync(body);
                Received.Enqueue(body.ToArray());
                context.Response.Close();
            }
        }
        catch (Exception stopped) when (stopped is HttpListenerException or ObjectDisposedException)
        {
        }
    }
}
