using System.Buffers;
using System.Globalization;
using System.Text.Unicode;

namespace RevenueAspire.Client.Load;

/// <summary>The events of a load. The n-th event depends only on the seed and n. Thread-safe.</summary>
/// <param name="seed">Selects the sequence of events.</param>
/// <param name="users">Number of users, at least 1.</param>
/// <param name="skew">Distribution of the events over the users.</param>
internal sealed class LoadEvents(int seed, int users, UserSkew skew)
{
    private const int MaxValue = 1000;

    /// <summary>Maximum bytes of an event, including the newline.</summary>
    public const int MaxEventBytes = 96;

    /// <summary>Writes an event, without a newline.</summary>
    /// <param name="index">Number of the event, from 0.</param>
    /// <param name="to">At least <see cref="MaxEventBytes"/> long.</param>
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

    /// <summary>Writes a body of consecutive events.</summary>
    /// <param name="from">Index of the first event.</param>
    /// <param name="count">Number of events.</param>
    /// <param name="to">Receives the events, each with a newline if there are several.</param>
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

    /// <summary>Draws rank k with a probability exactly proportional to 1/k. The integer part of (N+1)^u, for a uniform u, is k with a probability proportional
    /// to ln(1 + 1/k). Rejection sampling corrects this to 1/k, and keeps at least 7 of 10 draws.</summary>
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

    /// <summary>SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). Its first number is already good for any seed, as
    /// required by one generator per event.</summary>
    private struct SplitMix(ulong state)
    {
        private ulong _state = state;

        /// <summary>Returns a number from 0 to below 1.</summary>
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

    /// <summary>The n-th user gets 1/n of the events of the first.</summary>
    Zipf,
}
