using System.Runtime.InteropServices;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace RevenueAspire.CommandLine;

/// <summary>Stops a service on SIGHUP exactly as on SIGTERM. Log rotation tools and closed terminals send SIGHUP. Without this handler, the signal ends the
/// process in the middle of a request.</summary>
/// <remarks>A process started with <c>nohup</c> ignores the signal, because the runtime installs no handler for a signal that was ignored at the
/// start.</remarks>
public static class HangupStop
{
    /// <summary>Call this only for services; commands use <c>StopSignals</c>.</summary>
    public static TBuilder AddHangupStop<TBuilder>(this TBuilder builder) where TBuilder : IHostApplicationBuilder
    {
        if (!OperatingSystem.IsWindows())
        {
            builder.Services.AddHostedService<Service>();
        }

        return builder;
    }

    private sealed class Service(IHostApplicationLifetime lifetime) : IHostedService, IDisposable
    {
        private PosixSignalRegistration? _registration;

        public Task StartAsync(CancellationToken cancellationToken)
        {
            _registration = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
            {
                context.Cancel = true;
                lifetime.StopApplication();
            });
            return Task.CompletedTask;
        }

        // Keep the handler until the end, so that a second signal does not interrupt requests that are still running.
        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public void Dispose() => _registration?.Dispose();
    }
}
