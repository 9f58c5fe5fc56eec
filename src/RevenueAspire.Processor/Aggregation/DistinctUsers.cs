using System.Runtime.CompilerServices;

namespace RevenueAspire.Processor.Aggregation;

/// <summary>Counts the distinct users of several tables on all cores. No table may change during the count.</summary>
internal static class DistinctUsers
{
    private const int Ahead = 16;

    public static long Count(UserSums[] tables)
    {
        long users = tables[0].Count;
        for (var index = 1; index < tables.Length; index++)
        {
            var before = index;
            WorkerThreads.Run(tables.Length, share => Interlocked.Add(ref users, CountNotIn(tables.AsSpan(0, before), tables[before], share, tables.Length)));
        }

        return users;
    }

    /// <summary>Counts the users in one share of a table's slots that none of the other tables contains.</summary>
    internal static long CountNotIn(ReadOnlySpan<UserSums> others, UserSums table, int share, int shares)
    {
        var slots = table.Slots;
        var from = (int)((long)slots.Length * share / shares);
        var to = (int)((long)slots.Length * (share + 1) / shares);
        long count = 0;
        for (var slot = from; slot < to; slot++)
        {
            if (slot + Ahead < to && slots[slot + Ahead] is not 0 and var ahead)
            {
                foreach (var other in others)
                {
                    other.PrefetchSlot((uint)(ahead >> 32));
                }
            }

            if (slots[slot] is not 0 and var entry)
            {
                count += IsIn(others, table.UserId((uint)entry - 1), (uint)(entry >> 32)) ? 0 : 1;
            }
        }

        return count;
    }

    private static bool IsIn(ReadOnlySpan<UserSums> tables, ReadOnlySpan<byte> userId, uint hash)
    {
        foreach (var table in tables)
        {
            if (table.TryFind(userId, hash, out _))
            {
                return true;
            }
        }

        return false;
    }
}
