using RevenueAspire.Events;

namespace RevenueAspire.Processor.Aggregation;

/// <summary>Holds up to 64 events between parser and table, so the CPU can fetch their table slots in parallel instead of one after the other. Not
/// thread-safe.</summary>
internal sealed class EventQueue
{
    private const int Capacity = 64;
    private readonly PlainEvent[] _events = new PlainEvent[Capacity];
    private readonly uint[] _hashes = new uint[Capacity];
    private int _count;

    /// <summary>Whether the queue must be emptied before it can take more events.</summary>
    public bool IsFull => _count == Capacity;

    /// <summary>Takes plain lines from a block until a line is not plain or the queue is full. For the parameters see
    /// <see cref="EventParser.TakePlainLines"/>.</summary>
    /// <returns>Number of events taken.</returns>
    public int Take(EventParser parser, ReadOnlySpan<byte> block, ref int at, int maxLineBytes)
    {
        var taken = parser.TakePlainLines(block, ref at, maxLineBytes, _events.AsSpan(_count));
        _count += taken;
        return taken;
    }

    /// <summary>Adds all events to the table.</summary>
    /// <param name="users">The table.</param>
    /// <param name="block">The block that contains the events.</param>
    /// <param name="times">How many times each event counts.</param>
    /// <param name="blockOffset">Offset of the block in the source.</param>
    /// <param name="types">The known event names.</param>
    /// <param name="revenue">The sum to which each event is added once.</param>
    public void AddTo(UserSums users, ReadOnlySpan<byte> block, int times, long blockOffset, EventTypes types, ref WideSum revenue)
    {
        var events = _events.AsSpan(0, _count);
        var hashes = _hashes.AsSpan(0, events.Length);
        _count = 0;
        for (var index = 0; index < events.Length; index++)
        {
            hashes[index] = KeyHash.Compute(block.Slice(events[index].UserIdAt, events[index].UserIdLength));
            users.PrefetchSlot(hashes[index]);
        }

        for (var index = 0; index < events.Length; index++)
        {
            users.PrefetchRecord(hashes[index]);
        }

        for (var index = 0; index < events.Length; index++)
        {
            var (userIdAt, length, delta) = events[index];
            var userId = block.Slice(userIdAt, length);
            if (times == 1)
            {
                users.Add(userId, hashes[index], delta);
            }
            else
            {
                users.Add(userId, hashes[index], delta, times);
            }

            revenue.Add(delta);
        }

        if (users.Events is { } kept)
        {
            for (var index = 0; index < events.Length; index++)
            {
                AddEvent(users, kept, block, events[index], hashes[index], blockOffset, types);
            }
        }
    }

    private static void AddEvent(
        UserSums users, UserEvents kept, ReadOnlySpan<byte> block, in PlainEvent plain, uint hash, long blockOffset, EventTypes types)
    {
        users.TryFind(block.Slice(plain.UserIdAt, plain.UserIdLength), hash, out var record);

        // In a plain line, exactly this text separates the user id and the name.
        var name = block[(plain.UserIdAt + plain.UserIdLength + "\",\"name\":\""u8.Length)..];
        types.TryGet(name[..name.IndexOf((byte)'"')], out var type, out var sign);
        kept.Add(record, blockOffset + plain.UserIdAt - EventParser.PlainUserIdAt, type, sign * plain.Delta);
    }
}
