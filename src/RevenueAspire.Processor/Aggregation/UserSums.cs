using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace RevenueAspire.Processor.Aggregation;

/// <summary>Sums per user: a hash table with open addressing over the UTF-8 bytes of user ids. Not thread-safe; each thread has its own table.</summary>
/// <remarks>A slot is 8 bytes: 32 bits of hash, and the place of a record in an arena. A record is aligned to 8 bytes: sum (8 bytes), id length minus one (1),
/// id. So a user costs about 40 bytes, a lookup costs two cache misses, and the garbage collector has no objects to visit. A sum that overflows 64 bits moves
/// to a separate dictionary of 128-bit sums.</remarks>
internal sealed class UserSums
{
    private const int ChunkBits = 20;
    private const int ChunkBytes = 1 << ChunkBits;
    private const int KeyAt = 9;
    private const int SmallestSlots = 1 << 10;

    /// <summary>Record size in bytes that counts as one user. Most records are shorter.</summary>
    private const int LongRecordBytes = 64;

    private byte[][] _chunks = [];
    private int _chunkCount;
    private readonly List<int> _chunkEnds = [];
    private ulong[] _slots = new ulong[SmallestSlots];
    private Dictionary<uint, Int128>? _wide;
    private int _chunk = -1;
    private int _chunkUsed = ChunkBytes;
    private int _growAt = SmallestSlots / 10 * 7;

    public int Count { get; private set; }

    /// <summary>The slots: 0 if empty; else the hash in the upper 32 bits, and the record plus 1 in the lower 32 bits.</summary>
    public ReadOnlySpan<ulong> Slots => _slots;

    /// <summary>The events of the users; null if no history is kept.</summary>
    public UserEvents? Events { get; init; }

    /// <summary>Exclusive upper bound of every record number divided by 2.</summary>
    public int RecordLimit => (int)((((long)Math.Max(_chunk, 0) << ChunkBits) + (_chunk < 0 ? 0 : _chunkUsed)) >> 4) + 1;

    /// <summary>Number of users to compare with a limit: a user with a 128-bit sum counts twice, and long ids count more.</summary>
    public int Weight => Math.Max(Count + (_wide?.Count ?? 0), (int)((((long)_chunk << ChunkBits) + _chunkUsed) / LongRecordBytes));

    /// <summary>Adds to a user's sum.</summary>
    /// <param name="userId">1 to 256 bytes; copied if the user is new.</param>
    /// <param name="delta">Any sum of events.</param>
    public void Add(ReadOnlySpan<byte> userId, Int128 delta) => Add(userId, KeyHash.Compute(userId), delta);

    /// <summary>As <see cref="Add(ReadOnlySpan{byte}, Int128)"/>, with a precomputed hash.</summary>
    public void Add(ReadOnlySpan<byte> userId, uint hash, Int128 delta) => AddAt(FindOrInsert(userId, hash), delta);

    /// <summary>As above, for one event of 64 bits.</summary>
    public void Add(ReadOnlySpan<byte> userId, uint hash, long delta)
    {
        var record = FindOrInsert(userId, hash);
        ref var sum = ref Unsafe.As<byte, long>(ref MemoryMarshal.GetReference(Bytes(record)));
        var next = unchecked(sum + delta);
        if (((sum ^ next) & (delta ^ next)) < 0)
        {
            AddAt(record, delta, times: 1);
            return;
        }

        sum = next;
    }

    /// <summary>As above, for an event that counts several times.</summary>
    public void Add(ReadOnlySpan<byte> userId, uint hash, long delta, int times) => AddAt(FindOrInsert(userId, hash), delta, times);

    // A separate method, because the Release build contains no precompiled code for methods that use Int128 (see WideSum).
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private void AddAt(uint record, long delta, int times) => AddAt(record, (Int128)delta * times);

    /// <summary>Prefetches the slot where the lookup of a hash starts. A hint; does nothing on CPUs without SSE.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe void PrefetchSlot(uint hash)
    {
        if (Sse.IsSupported)
        {
            // If the garbage collector moves the array in this moment, the hint is useless but harmless.
            Sse.Prefetch0(Unsafe.AsPointer(ref _slots[hash & (uint)(_slots.Length - 1)]));
        }
    }

    /// <summary>Prefetches a record.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe void Prefetch(uint record)
    {
        if (Sse.IsSupported)
        {
            ref var bytes = ref MemoryMarshal.GetReference(Bytes(record));
            Sse.Prefetch0(Unsafe.AsPointer(ref bytes));

            // A quarter of the typical 24-byte records span two cache lines. Prefetching both saves 6 % of the time (1 GB, 820 thousand users).
            Sse.Prefetch0(Unsafe.AsPointer(ref Unsafe.Add(ref bytes, 16)));
        }
    }

    /// <summary>Prefetches the most likely record of a hash. Call it some time after <see cref="PrefetchSlot"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void PrefetchRecord(uint hash)
    {
        if (Sse.IsSupported && _slots[hash & (uint)(_slots.Length - 1)] is not 0 and var entry)
        {
            Prefetch((uint)entry - 1);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void AddAt(uint record, Int128 delta)
    {
        var bytes = Bytes(record);
        var sum = BinaryPrimitives.ReadInt64LittleEndian(bytes);
        var next = sum + delta;
        if (next >= long.MinValue && next <= long.MaxValue)
        {
            BinaryPrimitives.WriteInt64LittleEndian(bytes, (long)next);
            return;
        }

        _wide ??= [];
        _wide[record] = _wide.GetValueOrDefault(record) + next;
        BinaryPrimitives.WriteInt64LittleEndian(bytes, 0);
    }

    public bool TryFind(ReadOnlySpan<byte> userId, out uint record) => TryFind(userId, KeyHash.Compute(userId), out record);

    /// <summary>As <see cref="TryFind(ReadOnlySpan{byte}, out uint)"/>, with a precomputed hash.</summary>
    public bool TryFind(ReadOnlySpan<byte> userId, uint hash, out uint record)
    {
        var mask = (uint)_slots.Length - 1;
        for (var slot = hash & mask; ; slot = (slot + 1) & mask)
        {
            var entry = _slots[slot];
            record = (uint)entry - 1;
            if (entry == 0)
            {
                return false;
            }

            if ((uint)(entry >> 32) == hash && KeyHash.AreEqual(UserId(record), userId))
            {
                return true;
            }
        }
    }

    /// <summary>The id in a record; valid until <see cref="Clear"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ReadOnlySpan<byte> UserId(uint record)
    {
        var bytes = Bytes(record);
        return bytes.Slice(KeyAt, bytes[8] + 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public Int128 Sum(uint record)
    {
        Int128 sum = BinaryPrimitives.ReadInt64LittleEndian(Bytes(record));
        return _wide is not null && _wide.TryGetValue(record, out var wide) ? sum + wide : sum;
    }

    /// <summary>Copies the numbers of all records, in insertion order.</summary>
    /// <param name="records">At least <see cref="Count"/> long.</param>
    public void CopyRecords(Span<uint> records)
    {
        var count = 0;
        for (var chunk = 0; chunk <= _chunk; chunk++)
        {
            var bytes = _chunks[chunk];
            var end = chunk < _chunk ? _chunkEnds[chunk] : _chunkUsed;
            for (var at = 0; at < end; at += RecordBytes(bytes[at + 8] + 1))
            {
                records[count++] = (uint)((long)chunk << ChunkBits >> 3) + (uint)(at >> 3);
            }
        }
    }

    /// <summary>Removes all users, and keeps the memory for the next range.</summary>
    public void Clear()
    {
        if (_slots.Length > SmallestSlots && Count < _slots.Length / 32)
        {
            // Shrink the table after a small range: clearing a large table for every small range costs more than growing it again.
            _slots = NewSlots(Math.Max(SmallestSlots, _slots.Length / 8));
            _growAt = (int)(_slots.Length * 7L / 10);
        }
        else
        {
            Array.Clear(_slots);
        }

        Events?.Clear();
        _wide = null;
        Count = 0;
        _chunk = -1;
        _chunkUsed = ChunkBytes;
        _chunkEnds.Clear();
    }

    private uint FindOrInsert(ReadOnlySpan<byte> userId, uint hash)
    {
        var mask = (uint)_slots.Length - 1;
        for (var slot = hash & mask; ; slot = (slot + 1) & mask)
        {
            var entry = _slots[slot];
            if (entry == 0)
            {
                var inserted = Insert(userId);
                _slots[slot] = (ulong)hash << 32 | (inserted + 1);
                if (++Count >= _growAt)
                {
                    Grow();
                }

                return inserted;
            }

            var record = (uint)entry - 1;
            if ((uint)(entry >> 32) == hash && KeyHash.AreEqual(UserId(record), userId))
            {
                return record;
            }
        }
    }

    private uint Insert(ReadOnlySpan<byte> userId)
    {
        var size = RecordBytes(userId.Length);
        if (_chunkUsed + size > ChunkBytes)
        {
            if (_chunk >= 0)
            {
                _chunkEnds.Add(_chunkUsed);
            }

            _chunk++;
            _chunkUsed = 0;
            if (_chunk == _chunkCount)
            {
                if (_chunkCount == _chunks.Length)
                {
                    Array.Resize(ref _chunks, Math.Max(16, 2 * _chunkCount));
                }

                _chunks[_chunkCount++] = GC.AllocateUninitializedArray<byte>(ChunkBytes);
            }
        }

        var bytes = _chunks[_chunk].AsSpan(_chunkUsed, size);
        BinaryPrimitives.WriteInt64LittleEndian(bytes, 0);
        bytes[8] = (byte)(userId.Length - 1);
        userId.CopyTo(bytes[KeyAt..]);
        var record = (uint)((long)_chunk << ChunkBits >> 3) + (uint)(_chunkUsed >> 3);
        _chunkUsed += size;
        return record;
    }

    private void Grow()
    {
        var slots = NewSlots(_slots.Length * 2);
        var mask = (uint)slots.Length - 1;
        foreach (var entry in _slots)
        {
            if (entry == 0)
            {
                continue;
            }

            var slot = (uint)(entry >> 32) & mask;
            while (slots[slot] != 0)
            {
                slot = (slot + 1) & mask;
            }

            slots[slot] = entry;
        }

        _slots = slots;
        _growAt = (int)(slots.Length * 7L / 10);
    }

    /// <summary>Writes to each page: reading a fresh page first costs two page faults, and the second one interrupts the other cores.</summary>
    private static ulong[] NewSlots(int count)
    {
        var slots = GC.AllocateUninitializedArray<ulong>(count);
        Array.Clear(slots);
        return slots;
    }

    private static int RecordBytes(int userIdBytes) => (KeyAt + userIdBytes + 7) & ~7;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Span<byte> Bytes(uint record)
    {
        var place = (long)record << 3;
        return _chunks[(int)(place >> ChunkBits)].AsSpan((int)(place & (ChunkBytes - 1)));
    }
}
