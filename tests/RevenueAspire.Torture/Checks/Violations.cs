using System.Collections.Concurrent;

namespace RevenueAspire.Torture.Checks;

internal enum ViolationKind
{
    /// <summary>Acknowledged, and not in the log or not as it was sent.</summary>
    Lost,

    /// <summary>There more often than promised, or though it was refused.</summary>
    Repeated,

    /// <summary>The table is not the sum.</summary>
    WrongBalance,

    /// <summary>Two of our own statements blocked each other.</summary>
    Deadlock,

    /// <summary>Everything else that is not promised: an answer that must not be, an unexpected end, a stack trace, no recovery.</summary>
    Other,
}

/// <summary>Broken promises, told at once and counted for the end. Thread-safe.</summary>
internal sealed class Violations(Action<string> say)
{
    private const int ShownOfAKind = 20;
    private readonly ConcurrentDictionary<ViolationKind, int> _counts = new();
    private readonly ConcurrentQueue<string> _shown = new();

    public bool Any => !_counts.IsEmpty;

    /// <summary>The messages that were printed: up to 20 per kind.</summary>
    public IEnumerable<string> Shown => _shown;

    public int Count(ViolationKind kind) => _counts.GetValueOrDefault(kind);

    public void Add(ViolationKind kind, string message)
    {
        if (_counts.AddOrUpdate(kind, 1, (_, count) => count + 1) <= ShownOfAKind)
        {
            var line = $"VIOLATION {kind}: {message}";
            _shown.Enqueue(line);
            say(line);
        }
    }
}
