using RevenueAspire.Testing;

namespace RevenueAspire.Torture.Stage;

/// <summary>
/// Decides whether an unexpected exit of a service is allowed. A service that starts while sessions are serializable by default must name that setting and exit
/// with 1. On a slow machine, it may read the setting long after its start, or exit long after the fault. Thread-safe.
/// </summary>
internal sealed class Refusals
{
    private const string Line = "the session's default_transaction_isolation is serializable, but must be read committed";
    private readonly Lock _gate = new();
    private bool _isOn;
    private DateTime _lastEnd = DateTime.MinValue;

    /// <summary>Call this before sessions become serializable by default.</summary>
    public void Begin()
    {
        lock (_gate)
        {
            _isOn = true;
        }
    }

    /// <summary>Call this after sessions are read committed by default again.</summary>
    public void End()
    {
        lock (_gate)
        {
            _isOn = false;
            _lastEnd = DateTime.UtcNow;
        }
    }

    /// <summary>Whether the exit of a service is an allowed refusal.</summary>
    /// <param name="ended">The service; it has exited, and its output is complete.</param>
    /// <param name="started">Start of the service, UTC.</param>
    public bool Allows(ServiceProcess ended, DateTime started)
    {
        lock (_gate)
        {
            return (_isOn || started < _lastEnd) && ended.ExitCode == 1
                && ended.StandardError is [.., var last] && last.StartsWith(Line, StringComparison.Ordinal);
        }
    }
}
