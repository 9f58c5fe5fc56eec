using RevenueAspire.Processor.Aggregation;

namespace RevenueAspire.Processor.Applying;

/// <summary>Counters of a run, for progress and the final table. Written by the run, read by any thread.</summary>
internal sealed class RunCounters
{
    private long _appliedThrough;
    private long _users;
    private int _ranges;
    private volatile bool _isCounted = true;
    private Func<long>? _inFlight;

    /// <summary>Offset through which the source is applied, by any processor.</summary>
    public long AppliedThrough
    {
        get => Volatile.Read(ref _appliedThrough);
        set => Volatile.Write(ref _appliedThrough, value);
    }

    /// <summary>Bytes aggregated by this process, applied or not.</summary>
    public long BytesAggregated => _inFlight?.Invoke() ?? 0;

    /// <summary>Users of the ranges that this process merged, added up.</summary>
    public long Users => Volatile.Read(ref _users);

    /// <summary>Whether each of these users is counted once: a user in two ranges counts twice, and of users on disk only an upper bound is known.</summary>
    public bool UsersAreExact => _isCounted && Ranges <= 1;

    /// <summary>Ranges that this process merged.</summary>
    public int Ranges => Volatile.Read(ref _ranges);

    /// <summary>Sets where <see cref="BytesAggregated"/> comes from.</summary>
    public void ObserveAggregation(Func<long> bytes) => _inFlight = bytes;

    /// <summary>Adds a merged range.</summary>
    public void AddRange(IRangeUsers users)
    {
        if (!users.IsCounted)
        {
            _isCounted = false;
        }

        Interlocked.Add(ref _users, users.Count);
        Interlocked.Increment(ref _ranges);
    }
}
