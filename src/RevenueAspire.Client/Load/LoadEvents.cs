using System.Buffers;
using System.Globalization;
using System.Text.Unicode;

namespace RevenueAspire.Client.Load;

/// <summary>The events of a load: the n-th one follows from the seed and n alone, whoever sends it and when. Thread-safe.</summary>
/// <param name="seed">Another seed, other events.</param>
/// <param name="users">Users, at least 1.</param>
/// <param name="skew">How events spread over them.</param>
internal sealed class LoadEvents(int seed, int users, UserSkew skew)
{
    private const int MaxValue = 1000;

    /// <summary>Bytes of an event at most, newline included.</summary>
    public const int MaxEventBytes = 96;

    /// <summary>Writes an event, without a newline.</summary>
    /// <param name="index">From 0.</param>
    /// <param name="to">Of at least <see cref="MaxEventBytes"/>.</param>
    /// <returns>Bytes written.</returns>
    public int Write(long index, Span<byte> to)
    {
        var random = new SplitMix(((ulong)(uint)seed << 32) ^ (ulong)index);
        var user = skew == UserSkew.Zipf ? Zipf(ref random) : 1 + (long)(random.NextDouble() * users);
        var name = random.NextDouble() < 0.8 ? "add_revenue" : "subtract_revenue";
        var value = 1 + (int)(random.NextDouble() * MaxValue);
        var written = Utf8.TryWrite(to, CultureInfo.InvariantCulture, $"{{\"userId\":\"load-{user}\",\"name\":\"{name}\",\"value\":{value}}}", out var count);
        return written ? count : throw new ArgumentException("The buffer is too small.", nameof(to));
    }

    /// <summary>A body of events that follow each other.</summary>
    /// <param name="from">Index of the first.</param>
    /// <param name="count">How many.</param>
    /// <param name="to">Gets them; each with a newline when there are several.</param>
    public void Write(long from, int count, ArrayBufferWriter<byte> to)
    {
        to.ResetWrittenCount();
        for (var i = 0; i < count; i++)
        {
            var span = to.GetSpan(MaxEventBytes);
            var length = Write(from + i, span);
            if (count > 1)
            {
                span[length++] = (byte)'\n';
            }

            to.Advance(length);
        }
    }

    /// <summary>Rank k with a probability in proportion to 1/k, exactly: k drawn as the whole part of (N+1)^u has ln(1 + 1/k), and is kept so often that 1/k is
    /// left (seven times in ten at least).</summary>
    private long Zipf(ref SplitMix random)
    {
        while (true)
        {
            var rank = Math.Min(users, (long)Math.Pow(users + 1.0, random.NextDouble()));
            if (random.NextDouble() * rank * Math.Log(1 + (1.0 / rank)) <= Math.Log(2))
            {
                return rank;
            }
        }
    }

    /// <summary>SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014): good numbers from any seed at once, which is what a
    /// generator for each event needs.</summary>
    private struct SplitMix(ulong state)
    {
        private ulong _state = state;

        /// <summary>From 0 to below 1.</summary>
        public double NextDouble()
        {
            _state += 0x9E3779B97F4A7C15;
            var z = _state;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return ((z ^ (z >> 31)) >> 11) * (1.0 / (1UL << 53));
        }
    }
}

internal enum UserSkew
{
    Uniform,

    /// <summary>The n-th user has 1/n of the first one's events.</summary>
    Zipf,
}
