using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace RevenueAspire.Processor.Aggregation;

/// <summary>Sorts users by the bytes of their ids.</summary>
/// <remarks>Skips the prefix that all ids share, then compares 8 bytes at a time as one big-endian number. The radix sort starts at the lowest byte and skips
/// bytes that are equal in all ids. Only ids with equal numbers are compared by their next 8 bytes. Ids contain no U+0000, so padding a short id with zeros
/// preserves the order.</remarks>
internal static class UserSort
{
    private const int RadixFrom = 512;

    /// <summary>Sorts the users of one table.</summary>
    /// <param name="table">Must not change while the result is read.</param>
    /// <param name="memory">Reusable; it also stores the result.</param>
    public static SortedUsers Sort(UserSums table, SortMemory memory)
    {
        memory.Reserve(table.Count);
        var count = table.Count;
        table.CopyRecords(memory.Records.AsSpan(0, count));
        var skip = count == 0 ? 0 : CommonPrefix([table], [memory.Records], count);
        SortRun(table, memory.Prefixes, memory.Records, 0, count, skip, new Scratch(memory.SparePrefixes, memory.SpareRecords));

        // The prefixes are no longer needed, so reuse their array. The upper 32 bits stay 0, the index of the only table.
        var numbered = memory.Prefixes;
        for (var index = 0; index < count; index++)
        {
            numbered[index] = memory.Records[index];
        }

        return new SortedUsers([table], numbered, count);
    }

    /// <summary>Sorts the users of several tables into one sequence. If several tables contain a user, the first of them receives the total.</summary>
    public static SortedUsers Sort(IReadOnlyList<UserSums> tables)
    {
        var filled = tables.Where(table => table.Count > 0).ToArray();
        if (filled.Length == 0)
        {
            return new SortedUsers([], [], 0);
        }

        var records = new uint[filled.Length][];
        var prefixes = new ulong[filled.Length][];
        Parallel.For(0, filled.Length, index =>
        {
            records[index] = new uint[filled[index].Count];
            filled[index].CopyRecords(records[index]);
        });
        var skip = CommonPrefix(filled, records, int.MaxValue);
        Parallel.For(0, filled.Length, index => prefixes[index] = Sort(filled[index], records[index], skip));

        var merged = Number(records[0], 0);
        var mergedPrefixes = prefixes[0];
        for (var index = 1; index < filled.Length; index++)
        {
            (merged, mergedPrefixes) = Merge(filled, merged, mergedPrefixes, Number(records[index], index), prefixes[index]);
        }

        return new SortedUsers(filled, merged, merged.Length);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static ulong[] Number(uint[] records, int table)
    {
        var numbered = new ulong[records.Length];
        for (var i = 0; i < records.Length; i++)
        {
            numbered[i] = (ulong)table << 32 | records[i];
        }

        return numbered;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int CommonPrefix(UserSums[] tables, uint[][] records, int count)
    {
        var first = tables[0].UserId(records[0][0]);
        var common = first.Length;
        for (var table = 0; table < tables.Length; table++)
        {
            foreach (var record in records[table].AsSpan(0, Math.Min(count, records[table].Length)))
            {
                common = first[..common].CommonPrefixLength(tables[table].UserId(record));
                if (common == 0)
                {
                    return 0;
                }
            }
        }

        return common;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static ulong[] Sort(UserSums table, uint[] records, int skip)
    {
        var prefixes = new ulong[records.Length];
        var scratch = new Scratch(new ulong[records.Length], new uint[records.Length]);
        SortRun(table, prefixes, records, 0, records.Length, skip, scratch);

        // Recursive calls overwrote the prefixes of ids with an equal prefix, and the merge needs the original ones.
        for (var i = 0; i < records.Length; i++)
        {
            prefixes[i] = Prefix(table.UserId(records[i]), skip);
        }

        return prefixes;
    }

    private readonly record struct Scratch(ulong[] Prefixes, uint[] Records);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SortRun(UserSums table, ulong[] prefixes, uint[] records, int from, int to, int depth, Scratch scratch)
    {
        for (var i = from; i < to; i++)
        {
            prefixes[i] = Prefix(table.UserId(records[i]), depth);
        }

        if (to - from < RadixFrom)
        {
            Array.Sort(prefixes, records, from, to - from);
        }
        else
        {
            RadixSort(
                prefixes.AsSpan(from, to - from), records.AsSpan(from, to - from), scratch.Prefixes.AsSpan(from, to - from),
                scratch.Records.AsSpan(from, to - from));
        }

        for (var run = from; run < to;)
        {
            var end = run + 1;
            while (end < to && prefixes[end] == prefixes[run])
            {
                end++;
            }

            if (end - run > 1)
            {
                SortRun(table, prefixes, records, run, end, depth + 8, scratch);
            }

            run = end;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RadixSort(Span<ulong> prefixes, Span<uint> records, Span<ulong> otherPrefixes, Span<uint> otherRecords)
    {
        Span<int> counts = new int[8 * 256];
        foreach (var prefix in prefixes)
        {
            for (var digit = 0; digit < 8; digit++)
            {
                counts[(digit << 8) + (byte)(prefix >> (digit << 3))]++;
            }
        }

        var swapped = false;
        for (var digit = 0; digit < 8; digit++)
        {
            var places = counts.Slice(digit << 8, 256);
            var shift = digit << 3;
            if (places[(byte)(prefixes[0] >> shift)] == prefixes.Length)
            {
                continue;
            }

            var place = 0;
            for (var value = 0; value < 256; value++)
            {
                (places[value], place) = (place, place + places[value]);
            }

            for (var i = 0; i < prefixes.Length; i++)
            {
                var to = places[(byte)(prefixes[i] >> shift)]++;
                otherPrefixes[to] = prefixes[i];
                otherRecords[to] = records[i];
            }

            var spare = prefixes;
            prefixes = otherPrefixes;
            otherPrefixes = spare;
            var spareRecords = records;
            records = otherRecords;
            otherRecords = spareRecords;
            swapped = !swapped;
        }

        if (swapped)
        {
            prefixes.CopyTo(otherPrefixes);
            records.CopyTo(otherRecords);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (ulong[] Records, ulong[] Prefixes) Merge(UserSums[] tables, ulong[] left, ulong[] leftPrefixes, ulong[] right, ulong[] rightPrefixes)
    {
        var merged = new ulong[left.Length + right.Length];
        var prefixes = new ulong[merged.Length];
        int l = 0, r = 0, count = 0;
        while (l < left.Length && r < right.Length)
        {
            var order = leftPrefixes[l].CompareTo(rightPrefixes[r]);
            if (order == 0)
            {
                var leftTable = tables[(int)(left[l] >> 32)];
                var rightTable = tables[(int)(right[r] >> 32)];
                order = leftTable.UserId((uint)left[l]).SequenceCompareTo(rightTable.UserId((uint)right[r]));
                if (order == 0)
                {
                    leftTable.AddAt((uint)left[l], rightTable.Sum((uint)right[r]));
                    r++;
                    continue;
                }
            }

            (merged[count], prefixes[count]) = order < 0 ? (left[l], leftPrefixes[l++]) : (right[r], rightPrefixes[r++]);
            count++;
        }

        for (; l < left.Length; l++, count++)
        {
            (merged[count], prefixes[count]) = (left[l], leftPrefixes[l]);
        }

        for (; r < right.Length; r++, count++)
        {
            (merged[count], prefixes[count]) = (right[r], rightPrefixes[r]);
        }

        Array.Resize(ref merged, count);
        return (merged, prefixes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Prefix(ReadOnlySpan<byte> userId, int skip)
    {
        var left = userId.Length - skip;
        if (left >= 8)
        {
            return BinaryPrimitives.ReadUInt64BigEndian(userId[skip..]);
        }

        ulong prefix = 0;
        for (var i = 0; i < left; i++)
        {
            prefix |= (ulong)userId[skip + i] << (56 - (i << 3));
        }

        return prefix;
    }
}

/// <summary>Reusable arrays for sorting one table. Not thread-safe.</summary>
internal sealed class SortMemory
{
    public uint[] Records { get; private set; } = [];

    public uint[] SpareRecords { get; private set; } = [];

    public ulong[] Prefixes { get; private set; } = [];

    public ulong[] SparePrefixes { get; private set; } = [];

    /// <summary>Grows the arrays to at least this length.</summary>
    public void Reserve(int users)
    {
        if (Records.Length < users)
        {
            (Records, SpareRecords) = (GC.AllocateUninitializedArray<uint>(users), GC.AllocateUninitializedArray<uint>(users));
            (Prefixes, SparePrefixes) = (GC.AllocateUninitializedArray<ulong>(users), GC.AllocateUninitializedArray<ulong>(users));
        }
    }
}
