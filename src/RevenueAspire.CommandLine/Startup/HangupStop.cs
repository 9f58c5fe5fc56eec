using System.Runtime.InteropServices;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace RevenueAspire.CommandLine;

/// <summary>Stops a service on SIGHUP exactly as on SIGTERM. A log rotation tool sends SIGHUP, and so does a closed terminal; without this the signal ends the
/// process in the middle of a request.</summary>
/// <remarks>A process started by <c>nohup</c> keeps ignoring the signal: the runtime installs no handler where the signal was ignored at the start.</remarks>
public static class HangupStop
{
    /// <summary>For services. Not for commands, which handle their own signals.</summary>
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

        // The registration stays until the end: a second signal must not cut the drain short.
        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public void Dispose() => _registration?.Dispose();
    }
}
