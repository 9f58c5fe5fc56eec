using RevenueAspire.Testing;

namespace RevenueAspire.Torture.Stage;

/// <summary>
/// Knows which services may end by themselves: one that starts while sessions are serializable by default names that setting and ends with 1,
/// as the product promises.
/// A slow machine may read the setting long after the service was started, or end it long after the fault. Thread-safe.
/// </summary>
internal sealed class Refusals
{
    private const string Line = "the session's default_transaction_isolation is serializable, but must be read committed";
    private readonly Lock _gate = new();
    private bool _isOn;
    private DateTime _lastEnd = DateTime.MinValue;

    /// <summary>Call it before sessions become serializable by default.</summary>
    public void Begin()
    {
        lock (_gate)
        {
            _isOn = true;
        }
    }

    /// <summary>Call it after they are read committed again.</summary>
    public void End()
    {
        lock (_gate)
        {
            _isOn = false;
            _lastEnd = DateTime.UtcNow;
        }
    }

    /// <summary>Whether the end of a service is such a refusal.</summary>
    /// <param name="ended">It has ended, and its output is complete.</param>
    /// <param name="started">When it was started, UTC.</param>
    public bool Allows(ServiceProcess ended, DateTime started)
    {
        lock (_gate)
        {
            return (_isOn || started < _lastEnd) && ended.ExitCode == 1
                && ended.StandardError is [.., var last] && last.StartsWith(Line, StringComparison.Ordinal);
        }
    }
}
