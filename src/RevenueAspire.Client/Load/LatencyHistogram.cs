using System.Numerics;

namespace RevenueAspire.Client.Load;

/// <summary>Counts durations in bins that are a thousandth of their value wide, in the manner of HdrHistogram: any percentile within 0.1 %, in constant memory, with nothing left out. Thread-safe.</summary>
internal sealed class LatencyHistogram
{
    /// <summary>Values below 2^this have a bin each; above, each doubling has half as many.</summary>
    private const int PreciseBits = 11;

    private const int Half = 1 << (PreciseBits - 1);

    /// <summary>About twelve days in microseconds; what is longer counts as that.</summary>
    private const int MaxBits = 40;

    private readonly long[] _counts = new long[(MaxBits - PreciseBits + 2) * Half];
    private long _max;

    /// <summary>Durations recorded.</summary>
    public long Count => _counts.Sum();

    /// <summary>The longest, exactly to the microsecond.</summary>
    public TimeSpan Max => TimeSpan.FromMicroseconds(Volatile.Read(ref _max));

    /// <summary>Records a duration; a negative one counts as none.</summary>
    public void Record(TimeSpan duration)
    {
        var value = Math.Clamp(duration.Ticks / TimeSpan.TicksPerMicrosecond, 0, (1L << MaxBits) - 1);
        Interlocked.Increment(ref _counts[Index(value)]);
        for (var max = Volatile.Read(ref _max); value > max; max = Volatile.Read(ref _max))
        {
            Interlocked.CompareExchange(ref _max, value, max);
        }
    }

    /// <summary>The shortest time within which so many percent ended; zero when nothing is recorded.</summary>
    /// <param name="percent">From 0 to 100.</param>
    public TimeSpan Percentile(double percent)
    {
        var wanted = Math.Max(1, (long)Math.Ceiling(Count * percent / 100));
        long seen = 0;
        for (var index = 0; index < _counts.Length; index++)
        {
            seen += _counts[index];
            if (seen >= wanted)
            {
                return TimeSpan.FromMicroseconds(Math.Min(Upper(index), Volatile.Read(ref _max)));
            }
        }

        return TimeSpan.Zero;
    }

    private static int Index(long value)
    {
        var shift = Math.Max(0, BitOperations.Log2((ulong)value | 1) - PreciseBits + 1);
        return (shift * Half) + (int)(value >> shift);
    }

    /// <summary>The largest value of a bin.</summary>
    private static long Upper(int index)
    {
        var shift = Math.Max(0, (index / Half) - 1);
        return ((long)(index - (shift * Half) + 1) << shift) - 1;
    }
}
