using Microsoft.Extensions.Hosting;

namespace RevenueAspire.ServiceDefaults;

/// <summary>Stops the service, in order, when its standard input ends: whoever started it holds the other end of the pipe, and a killed starter leaves no service behind.</summary>
/// <remarks>On by <c>Host:StopWithInput</c>, which the starter sets. It is also the only polite way to stop a process on Windows.</remarks>
internal sealed class StopWithInput(IHostApplicationLifetime lifetime) : IHostedService
{
    public const string Setting = "Host:StopWithInput";

    public Task StartAsync(CancellationToken cancellationToken)
    {
        // A read of standard input cannot be cancelled, so it gets a thread that does not hold up the end of the process.
        new Thread(StopAtEnd) { IsBackground = true, Name = "standard input" }.Start();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private void StopAtEnd()
    {
        using var input = Console.OpenStandardInput();
        Span<byte> ignored = stackalloc byte[256];
        while (input.Read(ignored) > 0)
        {
        }

        lifetime.StopApplication();
    }
}
