using System.Collections.Concurrent;

namespace RevenueAspire.Torture.Checks;

internal enum ViolationKind
{
    /// <summary>An acknowledged event is missing from the log, or differs from the sent one.</summary>
    Lost,

    /// <summary>An event is in the log more often than promised, or although it was refused.</summary>
    Repeated,

    /// <summary>A balance in the ledger differs from the sum of its events.</summary>
    WrongBalance,

    /// <summary>Two statements of the product blocked each other.</summary>
    Deadlock,

    /// <summary>Any other broken promise: a wrong answer, an unexpected exit, a stack trace, no recovery.</summary>
    Other,
}

/// <summary>Prints broken promises at once, and counts them. Thread-safe.</summary>
internal sealed class Violations(Action<string> say)
{
    private const int ShownOfAKind = 20;
    private readonly ConcurrentDictionary<ViolationKind, int> _counts = new();
    private readonly ConcurrentQueue<string> _shown = new();

    public bool Any => !_counts.IsEmpty;

    /// <summary>The printed messages: up to 20 per kind.</summary>
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
