using System.Text;

namespace RevenueAspire.Ledger.Tests;

/// <summary>Users and events that a test lists explicitly.</summary>
public sealed class EventDeltas : IndexedDeltas
{
    private readonly (byte[] Id, AppliedEvent[] Events)[] _users;

    public EventDeltas(params IEnumerable<(string User, AppliedEvent Event)> events)
    {
        _users =
        [
            .. events.GroupBy(one => one.User, one => one.Event)
                .Select(user => (Encoding.UTF8.GetBytes(user.Key), user.OrderBy(one => one.Offset).ToArray())),
        ];
        Array.Sort(_users, (a, b) => a.Id.AsSpan().SequenceCompareTo(b.Id));
    }

    public override int Count => _users.Length;

    public override ReadOnlySpan<byte> UserId(int index) => _users[index].Id;

    public override Int128 Delta(int index) => _users[index].Events.Aggregate((Int128)0, (sum, one) => sum + (one.Type == 0 ? one.Value : -(Int128)one.Value));

    public override IEnumerable<AppliedEvent> Events(int index) => _users[index].Events;

    /// <summary>Contiguous slices of about the same size.</summary>
    public IReadOnlyList<RangePart> Split(int parts) =>
    [
        .. Enumerable.Range(1, parts).Select(i => (int)((long)Count * i / parts)).Where(end => end > 0).Distinct()
            .Select((end, index) => new RangePart(index, _users[end - 1].Id, ReadOnlyMemory<byte>.Empty)),
    ];
}
