using System.Runtime.InteropServices;

namespace RevenueAspire.AppHost;

/// <summary>Ctrl+C, SIGTERM and a closed terminal, as cancellation: the first asks for an orderly stop, a second Ctrl+C for an immediate one.</summary>
internal sealed class StopRequest : IDisposable
{
    private readonly CancellationTokenSource _orderly = new();
    private readonly CancellationTokenSource _immediate = new();
    private readonly List<PosixSignalRegistration> _registrations = [];

    public StopRequest()
    {
        foreach (var signal in (PosixSignal[])[PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP, PosixSignal.SIGQUIT])
        {
            _registrations.Add(PosixSignalRegistration.Create(signal, Handle));
        }
    }

    /// <summary>Stop in order.</summary>
    public CancellationToken Orderly => _orderly.Token;

    /// <summary>Kill what is left.</summary>
    public CancellationToken Immediate => _immediate.Token;

    public void Dispose()
    {
        _registrations.ForEach(r => r.Dispose());
        _orderly.Dispose();
        _immediate.Dispose();
    }

    private void Handle(PosixSignalContext context)
    {
        context.Cancel = true;
        if (_orderly.IsCancellationRequested && context.Signal == PosixSignal.SIGINT)
        {
            _immediate.Cancel();
        }

        _orderly.Cancel();
    }
}
