using RevenueAspire.Processor.Applying;

namespace RevenueAspire.Processor.Processing;

/// <summary>Where the work on one path stands. Written by the work, read by the display.</summary>
internal sealed class RunProgress(string name)
{
    private volatile string _phase = "opening";
    private long _total;
    private long _from;
    private Func<long>? _hashed;

    /// <summary>The path, as it was given.</summary>
    public string Name { get; } = name;

    /// <summary>The current step, one word.</summary>
    public string Phase
    {
        get => _phase;
        set => _phase = value;
    }

    /// <summary>The counters of the run.</summary>
    public RunCounters Counters { get; } = new();

    /// <summary>Set where aggregating is all there is to do.</summary>
    public bool EndsWithAggregation { get; set; }

    /// <summary>Bytes to do.</summary>
    public long TotalBytes => Volatile.Read(ref _total);

    /// <summary>Bytes of them that are in the ledger to the last event.</summary>
    public long AppliedBytes => Math.Max(0, Counters.AppliedThrough - Volatile.Read(ref _from));

    /// <summary>Bytes done: applied ones whole; those that are aggregated or hashed only count for a part of their work.</summary>
    public long DoneBytes
    {
        get
        {
            var total = TotalBytes;
            var aggregated = Math.Min(Counters.BytesAggregated, total);
            return Math.Min(total, Math.Max(AppliedBytes, Math.Max(EndsWithAggregation ? aggregated : aggregated / 2, (_hashed?.Invoke() ?? 0) / 10)));
        }
    }

    /// <summary>Sets the stretch that is to be applied.</summary>
    public void Begin(long from, long through)
    {
        Volatile.Write(ref _from, from);
        Volatile.Write(ref _total, through - from);
        Counters.AppliedThrough = from;
    }

    /// <summary>Sets where the number of hashed bytes comes from.</summary>
    public void ObserveHashing(Func<long> hashed) => _hashed = hashed;
}
