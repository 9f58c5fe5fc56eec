namespace RevenueAspire.Torture.Faults;

/// <summary>
/// All faults of the kinds asked for that the engine can have, in an order from the seed, again and again: no fault comes twice before all have come.
/// </summary>
internal sealed class FaultDeck
{
    /// <summary>A counted file gets another name, as a log rotation tool renames it.</summary>
    private static readonly Fault Rotation =
        new(FaultKinds.Rotation, "counted file renamed, another one with its name", context => context.Files.RotateAsync(context.Random));

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

    /// <summary>Whether there is none.</summary>
    public bool IsEmpty => _faults.Length == 0;

    /// <summary>The next fault, and the random numbers that it decides with.</summary>
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
