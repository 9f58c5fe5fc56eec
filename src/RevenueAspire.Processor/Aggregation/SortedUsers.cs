using System.Runtime.CompilerServices;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Aggregation;

/// <summary>The users of a range in memory, in byte order of their ids.</summary>
/// <param name="tables">The tables that contain the users.</param>
/// <param name="records">Table index (upper 32 bits) and record (lower 32 bits) per user, in order.</param>
/// <param name="length">Number of users; the array may be longer.</param>
internal sealed class SortedUsers(UserSums[] tables, ulong[] records, int length) : IRangeUsers
{
    private const int Ahead = 12;

    /// <inheritdoc/>
    public long Count => length;

    /// <inheritdoc/>
    public bool IsCounted => true;

    /// <inheritdoc/>
    public IReadOnlyList<byte[]> Split(int parts)
    {
        var count = (int)Math.Min(parts, Count);
        return [.. Enumerable.Range(1, count).Select(part => UserId((int)((long)part * length / count) - 1).ToArray())];
    }

    /// <inheritdoc/>
    public bool Contains(ReadOnlySpan<byte> userId) => IndexAfter(userId) is > 0 and var after && UserId(after - 1).SequenceEqual(userId);

    /// <inheritdoc/>
    public IDeltaReader ReadAfter(ReadOnlySpan<byte> key) => new Reader(this, IndexAfter(key) - 1);

    private int IndexAfter(ReadOnlySpan<byte> key)
    {
        var (low, high) = (0, length);
        while (low < high)
        {
            var middle = low + ((high - low) / 2);
            (low, high) = UserId(middle).SequenceCompareTo(key) <= 0 ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    private ReadOnlySpan<byte> UserId(int index) => tables[(int)(records[index] >> 32)].UserId((uint)records[index]);

    /// <summary>The encoded events of a user, if there is only one table.</summary>
    public ReadOnlySpan<byte> EventsAt(int index) => tables[0].Events!.Of((uint)records[index]);

    /// <summary>Whether the events of the users are kept.</summary>
    public bool HasEvents => tables.Length > 0 && tables[0].Events is not null;

    /// <summary>The encoding of the events.</summary>
    public EventForm EventForm => tables[0].Events!.Form;

    private void FindEvents(int index, EventMerge events)
    {
        events.Clear();
        var userId = UserId(index);
        var own = records[index];
        for (var number = 0; number < tables.Length; number++)
        {
            var record = (uint)own;
            if (number == (int)(own >> 32) || tables[number].TryFind(userId, out record))
            {
                var (start, length) = tables[number].Events!.PlaceOf(record);
                events.Add(tables[number].Events!.Arranged, start, length);
            }
        }
    }

    private sealed class Reader(SortedUsers users, int index) : IDeltaReader
    {
        private readonly EventMerge? _events = users.HasEvents ? new EventMerge() : null;
        private int _index = index;
        private int _eventsOf = -1;

        public ReadOnlySpan<byte> UserId => users.UserId(_index);

        public Int128 Delta => users.Sum(_index);

        public bool Read()
        {
            users.Prefetch(_index + Ahead);
            return ++_index < users.Count;
        }

        public bool ReadEvent(out AppliedEvent applied)
        {
            if (_events is null)
            {
                applied = default;
                return false;
            }

            if (_eventsOf != _index)
            {
                users.FindEvents(_index, _events);
                _eventsOf = _index;
            }

            return _events.Read(out applied);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private Int128 Sum(int index) => tables[(int)(records[index] >> 32)].Sum((uint)records[index]);

    // The records are in insertion order in memory, so reading them in sorted order would miss the CPU's cache.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Prefetch(int index)
    {
        if (index < length)
        {
            tables[(int)(records[index] >> 32)].Prefetch((uint)records[index]);
        }
    }
}
