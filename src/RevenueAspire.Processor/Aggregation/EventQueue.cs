using System.Runtime.CompilerServices;
using RevenueAspire.Events;

namespace RevenueAspire.Processor.Aggregation;

/// <summary>A few events between parser and table: their places in the table are asked of memory all at once, instead of one after the other. Not
/// thread-safe.</summary>
internal sealed class EventQueue
{
    private const int Capacity = 64;
    private readonly int[] _userIdAt = new int[Capacity];
    private readonly int[] _userIdLength = new int[Capacity];
    private readonly uint[] _hash = new uint[Capacity];
    private readonly long[] _delta = new long[Capacity];
    private int _count;

    /// <summary>Adds an event; true when the queue is full and must be emptied before the next one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Add(ReadOnlySpan<byte> block, int userIdAt, int userIdLength, long delta)
    {
        var index = _count;
        _userIdAt[index] = userIdAt;
        _userIdLength[index] = userIdLength;
        _hash[index] = KeyHash.Compute(block.Slice(userIdAt, userIdLength));
        _delta[index] = delta;
        _count = index + 1;
        return index + 1 == Capacity;
    }

    /// <summary>Adds all events to the table.</summary>
    /// <param name="users">The table.</param>
    /// <param name="block">The block that the events are of.</param>
    /// <param name="times">How often each event counts.</param>
    /// <param name="blockOffset">Offset of the block in the source.</param>
    /// <param name="types">The known names.</param>
    /// <returns>The sum of the events, each once.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public Int128 AddTo(UserSums users, ReadOnlySpan<byte> block, int times, long blockOffset, EventTypes types)
    {
        var count = _count;
        _count = 0;
        Int128 sum = 0;
        for (var index = 0; index < count; index++)
        {
            users.PrefetchSlot(_hash[index]);
        }

        for (var index = 0; index < count; index++)
        {
            users.PrefetchRecord(_hash[index]);
        }

        for (var index = 0; index < count; index++)
        {
            var userId = block.Slice(_userIdAt[index], _userIdLength[index]);
            if (times == 1)
            {
                users.Add(userId, _hash[index], _delta[index]);
            }
            else
            {
                users.Add(userId, _hash[index], (Int128)_delta[index] * times);
            }

            sum += _delta[index];
        }

        if (users.Events is { } events)
        {
            for (var index = 0; index < count; index++)
            {
                AddEvent(users, events, block, index, blockOffset, types);
            }
        }

        return sum;
    }

    private void AddEvent(UserSums users, UserEvents events, ReadOnlySpan<byte> block, int index, long blockOffset, EventTypes types)
    {
        // A plain line has exactly this between the user id and the name.
        var betweenBytes = "\",\"name\":\""u8.Length;
        var at = _userIdAt[index];
        users.TryFind(block.Slice(at, _userIdLength[index]), _hash[index], out var record);
        var name = block[(at + _userIdLength[index] + betweenBytes)..];
        types.TryGet(name[..name.IndexOf((byte)'"')], out var type, out var sign);
        events.Add(record, blockOffset + at - EventParser.PlainUserIdAt, type, sign * _delta[index]);
    }
}
