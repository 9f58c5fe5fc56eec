using Microsoft.Extensions.Hosting;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace RevenueAspire.ServiceDefaults.Telemetry;

/// <summary>Holds the providers from the host's start to its stop.</summary>
internal sealed class TelemetryService(Func<TracerProvider> traces, Func<MeterProvider> metrics) : IHostedService, IDisposable
{
    /// <summary>The last batch is worth this wait, and no more: a collector that hangs must not hold up a stop.</summary>
    private const int ShutdownMilliseconds = 2000;

    private TracerProvider? _traces;
    private MeterProvider? _metrics;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _traces = traces();
        _metrics = metrics();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) =>
        Task.WhenAll(
            Task.Run(() => _traces?.Shutdown(ShutdownMilliseconds), CancellationToken.None),
            Task.Run(() => _metrics?.Shutdown(ShutdownMilliseconds), CancellationToken.None));

    public void Dispose()
    {
        _traces?.Dispose();
        _metrics?.Dispose();
    }
}
