using RevenueAspire.EventLog.Format;

namespace RevenueAspire.EventLog.Writing;

/// <summary>Keys of the last N keyed records (rule L9): a ring in log order, and an open-addressing hash table over it. Not thread-safe.</summary>
/// <remarks>A key takes 48 bytes in the ring and 8 to 16 in the table (4 per slot, at most half full). Both double as they fill, up to the window.</remarks>
internal sealed class KeyIndex(int window)
{
    private const int InitialCapacity = 1024;
    private KeyedRecord[] _ring = new KeyedRecord[Math.Min(window, InitialCapacity)];
    private int[] _slots = new int[2 * InitialCapacity];
    private int _first;

    public int Count { get; private set; }

    /// <summary>The index has the keys of all records from this offset on; 0 while it has forgotten none.</summary>
    public long KeysFrom { get; private set; }

    /// <summary>Forgets keys below the given offset, for example in a missing or damaged part of the log.</summary>
    public void ForgetBefore(long offset) => KeysFrom = Math.Max(KeysFrom, offset);

    public bool TryGet(UInt128 key, out KeyedRecord record)
    {
        for (var slot = Home(key); _slots[slot] != 0; slot = Next(slot))
        {
            if (_ring[_slots[slot] - 1].Key == key)
            {
                record = _ring[_slots[slot] - 1];
                return true;
            }
        }

        record = default;
        return false;
    }

    /// <summary>Adds the log's next keyed record, and forgets the oldest one if the window is full. A key can occur twice, if an earlier, smaller window had
    /// forgotten its first record; then the last record counts.</summary>
    public void Add(in KeyedRecord record)
    {
        if (window == 0)
        {
            ForgetBefore(record.Offset + 1);
            return;
        }

        if (Count == window)
        {
            ForgetOldest();
        }
        else if (Count == _ring.Length)
        {
            Grow();
        }

        var place = (_first + Count) % _ring.Length;
        _ring[place] = record;
        Count++;
        Link(place);
    }

    /// <summary>Remembered records from an offset on, in log order.</summary>
    public KeyedRecord[] Since(long offset)
    {
        var from = Count;
        while (from > 0 && At(from - 1).Offset >= offset)
        {
            from--;
        }

        var records = new KeyedRecord[Count - from];
        for (var i = 0; i < records.Length; i++)
        {
            records[i] = At(from + i);
        }

        return records;
    }

    private ref KeyedRecord At(int position) => ref _ring[(_first + position) % _ring.Length];

    // The key is a cryptographic hash, so its low bits are uniformly distributed.
    private int Home(UInt128 key) => (int)((ulong)key & (ulong)(_slots.Length - 1));

    private int Next(int slot) => (slot + 1) & (_slots.Length - 1);

    private void Link(int place)
    {
        var slot = Home(_ring[place].Key);
        while (_slots[slot] != 0 && _ring[_slots[slot] - 1].Key != _ring[place].Key)
        {
            slot = Next(slot);
        }

        _slots[slot] = place + 1;
    }

    private void ForgetOldest()
    {
        var oldest = _ring[_first];
        var slot = Home(oldest.Key);
        while (_slots[slot] != 0 && _ring[_slots[slot] - 1].Key != oldest.Key)
        {
            slot = Next(slot);
        }

        if (_slots[slot] == _first + 1)
        {
            Unlink(slot);
        }

        _first = (_first + 1) % _ring.Length;
        Count--;
        ForgetBefore(oldest.Offset + 1);
    }

    /// <summary>Empties a slot. Moves the following entries of the same run forward, so that no search stops at the empty slot.</summary>
    private void Unlink(int hole)
    {
        for (var slot = Next(hole); _slots[slot] != 0; slot = Next(slot))
        {
            var home = Home(_ring[_slots[slot] - 1].Key);
            if (((slot - home) & (_slots.Length - 1)) >= ((slot - hole) & (_slots.Length - 1)))
            {
                _slots[hole] = _slots[slot];
                hole = slot;
            }
        }

        _slots[hole] = 0;
    }

    private void Grow()
    {
        var ring = new KeyedRecord[(int)Math.Min(window, 2L * _ring.Length)];
        for (var i = 0; i < Count; i++)
        {
            ring[i] = At(i);
        }

        _ring = ring;
        _first = 0;
        _slots = new int[System.Numerics.BitOperations.RoundUpToPowerOf2((uint)(2 * ring.Length))];
        for (var i = 0; i < Count; i++)
        {
            Link(i);
        }
    }
}
