namespace RevenueAspire.Torture.Faults;

/// <summary>
/// Selects the next fault from the requested kinds that suit the engine. The seed determines the order; every fault occurs once before any is repeated.
/// </summary>
internal sealed class FaultDeck
{
    /// <summary>Renames a counted file, as a log rotation tool does.</summary>
    private static readonly Fault Rotation =
        new(FaultKinds.Rotation, "counted file renamed, its name reused", context => context.Files.RotateAsync(context.Random));

    private readonly Fault[] _faults;
    private readonly int _seed;
    private readonly Random _random;
    private int _next;
    private int _drawn;

    public FaultDeck(IReadOnlyList<string> kinds, LogEngine engine, int seed)
    {
        _seed = seed;
        _random = new Random(seed);
        var all = KillFaults.All(engine).Concat(PostgresFaults.All(engine)).Concat(NetworkFaults.All).Concat(DiskFaults.All(engine));
        all = all.Concat(ClockFaults.All).Append(Rotation).Concat(PoolerFaults.All).Concat(ReplicationFaults.All);
        _faults = [.. all.Where(fault => kinds.Contains(fault.Kind))];
        _next = _faults.Length;
    }

    /// <summary>Whether no fault suits the requested kinds and engine.</summary>
    public bool IsEmpty => _faults.Length == 0;

    /// <summary>The next fault, with its source of random numbers.</summary>
    public (Fault Fault, Random Random) Draw()
    {
        if (_next == _faults.Length)
        {
            _random.Shuffle(_faults);
            _next = 0;
        }

        return (_faults[_next++], new Random(unchecked((_seed * 397) ^ ++_drawn)));
    }
}
