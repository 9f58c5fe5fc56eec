using RevenueAspire.Events;

namespace RevenueAspire.Processor.Aggregation;

/// <summary>A few events between parser and table: their places in the table are asked of memory all at once, instead of one after the other. Not
/// thread-safe.</summary>
internal sealed class EventQueue
{
    private const int Capacity = 64;
    private readonly PlainEvent[] _events = new PlainEvent[Capacity];
    private readonly uint[] _hashes = new uint[Capacity];
    private int _count;

    /// <summary>Whether it must be emptied before more events are taken.</summary>
    public bool IsFull => _count == Capacity;

    /// <summary>Takes plain lines from a block, as many as there is room for. Arguments as of <see cref="EventParser.TakePlainLines"/>.</summary>
    /// <returns>Number of events taken.</returns>
    public int Take(EventParser parser, ReadOnlySpan<byte> block, ref int at, int maxLineBytes)
    {
        var taken = parser.TakePlainLines(block, ref at, maxLineBytes, _events.AsSpan(_count));
        _count += taken;
        return taken;
    }

    /// <summary>Adds all events to the table.</summary>
    /// <param name="users">The table.</param>
    /// <param name="block">The block that the events are of.</param>
    /// <param name="times">How often each event counts.</param>
    /// <param name="blockOffset">Offset of the block in the source.</param>
    /// <param name="types">The known names.</param>
    /// <param name="revenue">The sum of the events, each once.</param>
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

        // A plain line has exactly this between the user id and the name.
        var name = block[(plain.UserIdAt + plain.UserIdLength + "\",\"name\":\""u8.Length)..];
        types.TryGet(name[..name.IndexOf((byte)'"')], out var type, out var sign);
        kept.Add(record, blockOffset + plain.UserIdAt - EventParser.PlainUserIdAt, type, sign * plain.Delta);
    }
}
