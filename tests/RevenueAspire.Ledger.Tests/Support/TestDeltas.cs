using System.Numerics;
using System.Text;

namespace RevenueAspire.Ledger.Tests;

/// <summary>Users by index. A test supplies the id and the sum of each user.</summary>
public abstract class IndexedDeltas : ISortedDeltas
{
    public abstract int Count { get; }

    public abstract ReadOnlySpan<byte> UserId(int index);

    public abstract Int128 Delta(int index);

    /// <summary>The smallest number of events that add up to the user's sum.</summary>
    public virtual IEnumerable<AppliedEvent> Events(int index)
    {
        var (rest, offset) = (Delta(index), (long)index * 3);
        do
        {
            var value = rest > long.MaxValue ? long.MaxValue : rest < -long.MaxValue ? -long.MaxValue : (long)rest;
            rest -= value;
            yield return value < 0 ? new AppliedEvent(offset++, 1, -value, AppliedEvent.NoTime) : new AppliedEvent(offset++, 0, value, AppliedEvent.NoTime);
        }
        while (rest != 0 && offset < (index * 3) + 3);
    }

    public bool Contains(ReadOnlySpan<byte> userId)
    {
        for (var index = 0; index < Count; index++)
        {
            if (UserId(index).SequenceEqual(userId))
            {
                return true;
            }
        }

        return false;
    }

    public IDeltaReader ReadAfter(ReadOnlySpan<byte> key)
    {
        var index = 0;
        while (index < Count && UserId(index).SequenceCompareTo(key) <= 0)
        {
            index++;
        }

        return new Reader(this, index - 1);
    }

    private sealed class Reader(IndexedDeltas deltas, int index) : IDeltaReader
    {
        public ReadOnlySpan<byte> UserId => deltas.UserId(index);

        public Int128 Delta => deltas.Delta(index);

        private IEnumerator<AppliedEvent>? _events;

        public bool Read()
        {
            _events = null;
            return ++index < deltas.Count;
        }

        public bool ReadEvent(out AppliedEvent applied)
        {
            _events ??= deltas.Events(index).GetEnumerator();
            var found = _events.MoveNext();
            applied = found ? _events.Current : default;
            return found;
        }
    }
}

/// <summary>Users and sums, sorted by bytes.</summary>
public sealed class TestDeltas : IndexedDeltas
{
    /// <summary>Event 0 adds, event 1 subtracts.</summary>
    public static readonly IReadOnlyDictionary<string, int> Types =
        new SortedDictionary<string, int>(StringComparer.Ordinal) { ["add_revenue"] = 1, ["subtract_revenue"] = -1 };

    private readonly (byte[] Id, Int128 Delta)[] _users;

    public TestDeltas(params IEnumerable<(string User, Int128 Delta)> users)
    {
        _users = [.. users.Select(user => (Encoding.UTF8.GetBytes(user.User), user.Delta))];
        Array.Sort(_users, (a, b) => a.Id.AsSpan().SequenceCompareTo(b.Id));
    }

    /// <summary>Creates users user000000, user000001, ... with the given sums.</summary>
    public static TestDeltas Numbered(int count, Func<int, Int128> delta) => new(Enumerable.Range(0, count).Select(i => ($"user{i:d6}", delta(i))));

    public override int Count => _users.Length;

    public override ReadOnlySpan<byte> UserId(int index) => _users[index].Id;

    public override Int128 Delta(int index) => _users[index].Delta;

    public string User(int index) => Encoding.UTF8.GetString(_users[index].Id);

    /// <summary>Contiguous parts of about equal size.</summary>
    public IReadOnlyList<RangePart> Split(int parts) =>
    [
        .. Enumerable.Range(1, parts).Select(i => (int)((long)Count * i / parts)).Where(end => end > 0).Distinct()
            .Select((end, index) => new RangePart(index, _users[end - 1].Id, ReadOnlyMemory<byte>.Empty)),
    ];

    public SortedDictionary<string, BigInteger> Sums()
    {
        var sums = new SortedDictionary<string, BigInteger>(StringComparer.Ordinal);
        AddTo(sums);
        return sums;
    }

    public void AddTo(IDictionary<string, BigInteger> balances)
    {
        foreach (var (id, delta) in _users)
        {
            var user = Encoding.UTF8.GetString(id);
            balances[user] = (balances.TryGetValue(user, out var sum) ? sum : 0) + delta;
        }
    }
}
