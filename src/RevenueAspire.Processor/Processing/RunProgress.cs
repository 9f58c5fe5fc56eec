using RevenueAspire.Processor.Applying;

namespace RevenueAspire.Processor.Processing;

/// <summary>The progress of one path. The processing code writes it; the display reads it.</summary>
internal sealed class RunProgress(string name)
{
    private volatile string _phase = "opening";
    private long _total;
    private long _from;
    private Func<long>? _hashed;

    /// <summary>The path as the user gave it.</summary>
    public string Name { get; } = name;

    /// <summary>The current step as one word.</summary>
    public string Phase
    {
        get => _phase;
        set => _phase = value;
    }

    /// <summary>The counters of the run.</summary>
    public RunCounters Counters { get; } = new();

    /// <summary>Whether aggregation is the last step, as in a dry run.</summary>
    public bool EndsWithAggregation { get; set; }

    /// <summary>Total bytes to process.</summary>
    public long TotalBytes => Volatile.Read(ref _total);

    /// <summary>Bytes whose events are all in the ledger.</summary>
    public long AppliedBytes => Math.Max(0, Counters.AppliedThrough - Volatile.Read(ref _from));

    /// <summary>Estimate of the processed bytes: the maximum of the applied bytes, half of the aggregated bytes, and a tenth of the hashed bytes. Aggregated
    /// bytes count fully if <see cref="EndsWithAggregation"/>.</summary>
    public long DoneBytes
    {
        get
        {
            var total = TotalBytes;
            var aggregated = Math.Min(Counters.BytesAggregated, total);
            return Math.Min(total, Math.Max(AppliedBytes, Math.Max(EndsWithAggregation ? aggregated : aggregated / 2, (_hashed?.Invoke() ?? 0) / 10)));
        }
    }

    /// <summary>Sets the bytes to apply.</summary>
    public void Begin(long from, long through)
    {
        Volatile.Write(ref _from, from);
        Volatile.Write(ref _total, through - from);
        Counters.AppliedThrough = from;
    }

    /// <summary>Sets the function that returns the number of hashed bytes.</summary>
    public void ObserveHashing(Func<long> hashed) => _hashed = hashed;
}
