using RevenueAspire.Processor.Aggregation;

namespace RevenueAspire.Processor.Applying;

/// <summary>Counters of a run, for progress and the final table. The run writes them; any thread may read them.</summary>
internal sealed class RunCounters
{
    private long _appliedThrough;
    private long _users;
    private int _ranges;
    private volatile bool _isCounted = true;
    private Func<long>? _inFlight;

    /// <summary>Offset up to which any processor has applied the source.</summary>
    public long AppliedThrough
    {
        get => Volatile.Read(ref _appliedThrough);
        set => Volatile.Write(ref _appliedThrough, value);
    }

    /// <summary>Bytes aggregated by this process, applied or not.</summary>
    public long BytesAggregated => _inFlight?.Invoke() ?? 0;

    /// <summary>Total number of users in the ranges that this process merged.</summary>
    public long Users => Volatile.Read(ref _users);

    /// <summary>Whether <see cref="Users"/> counts each user once. A user in two ranges counts twice, and users on disk are only known as an upper
    /// bound.</summary>
    public bool UsersAreExact => _isCounted && Ranges <= 1;

    /// <summary>Ranges that this process merged.</summary>
    public int Ranges => Volatile.Read(ref _ranges);

    /// <summary>Sets the function that computes <see cref="BytesAggregated"/>.</summary>
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
