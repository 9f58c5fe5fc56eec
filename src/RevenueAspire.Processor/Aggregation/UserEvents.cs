using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Aggregation;

/// <summary>The events of each user of one table, for the history. Not thread-safe.</summary>
/// <remarks>
/// Each event is appended together with the record of its user. At the end, <see cref="Arrange"/> groups the events by user with a stable counting sort. So
/// collecting costs one write per event, and no object per user. An event is encoded as numbers of <see cref="HistoryCodec"/>: offset from the start of the
/// range, type, value, and in a log the time.
/// </remarks>
internal sealed class UserEvents
{
    private const int ChunkBytes = 1 << 20;

    /// <summary>Bytes before the numbers of an event: record (4) and length (1).</summary>
    private const int HeaderBytes = 5;

    private readonly List<byte[]> _chunks = [];
    private readonly List<int> _ends = [];
    private readonly List<Pending> _pending = [];
    private byte[] _chunk = [];
    private int _used;
    private int _filledChunks;
    private int[] _userEnds = [];
    private byte[] _arranged = [];

    /// <summary>An event that waits for the last record of its batch, which contains the time.</summary>
    private readonly record struct Pending(uint Record, long Offset, int Type, long Value);

    /// <summary>Size of the events in bytes.</summary>
    public long Bytes { get; private set; }

    /// <summary>Start of the range; offsets are relative to it. Set before the first event.</summary>
    public long Base { get; set; }

    /// <summary>Whether events have times; true for a log.</summary>
    public bool HasTimes { get; set; }

    /// <summary>Number of the source, if several sources are read together.</summary>
    public int Source { get; set; }

    /// <summary>The encoding of the range's events.</summary>
    public EventForm Form => new(Base, HasTimes, Source);

    /// <summary>Whether events wait for the time of their batch.</summary>
    public bool HasPending => _pending.Count > 0;

    /// <summary>Adds an event. The events of one user must be added in ascending order of offset. In a log, an event waits for <see cref="SetTime"/>.</summary>
    /// <param name="record">The user's record in the table.</param>
    /// <param name="offset">Offset in the source.</param>
    /// <param name="type">Index of the event name.</param>
    /// <param name="value">The value as sent.</param>
    public void Add(uint record, long offset, int type, long value)
    {
        if (HasTimes)
        {
            _pending.Add(new Pending(record, offset, type, value));
        }
        else
        {
            Append(record, offset, type, value, 0);
        }
    }

    /// <summary>Sets the time of the events that wait for it.</summary>
    /// <param name="milliseconds">Since 1970-01-01 UTC.</param>
    public void SetTime(long milliseconds)
    {
        foreach (var (record, offset, type, value) in _pending)
        {
            Append(record, offset, type, value, milliseconds);
        }

        _pending.Clear();
    }

    /// <summary>Groups the events by user. Call once, after the last event.</summary>
    /// <param name="table">The table that contains the records.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Arrange(UserSums table)
    {
        var users = table.RecordLimit;
        if (_userEnds.Length < users)
        {
            _userEnds = new int[users];
        }

        var ends = _userEnds.AsSpan(0, users);
        ends.Clear();
        CloseChunk();
        var bytes = 0;
        for (var index = 0; index < _filledChunks; index++)
        {
            var chunk = _chunks[index].AsSpan(0, _ends[index]);
            for (var at = 0; at < chunk.Length; at += HeaderBytes + chunk[at + 4])
            {
                ends[(int)(BinaryPrimitives.ReadUInt32LittleEndian(chunk[at..]) >> 1)] += chunk[at + 4];
                bytes += chunk[at + 4];
            }
        }

        if (_arranged.Length < bytes)
        {
            _arranged = GC.AllocateUninitializedArray<byte>(bytes);
        }

        Arranged = new MemoryEventBytes(_arranged, Form);

        // Each element now becomes the start of its user's events. The next loop moves it to their end.
        var start = 0;
        foreach (ref var end in ends)
        {
            (end, start) = (start, start + end);
        }

        for (var index = 0; index < _filledChunks; index++)
        {
            var chunk = _chunks[index].AsSpan(0, _ends[index]);
            for (var at = 0; at < chunk.Length; at += HeaderBytes + chunk[at + 4])
            {
                ref var end = ref ends[(int)(BinaryPrimitives.ReadUInt32LittleEndian(chunk[at..]) >> 1)];
                var length = chunk[at + 4];
                chunk.Slice(at + HeaderBytes, length).CopyTo(_arranged.AsSpan(end));
                end += length;
            }
        }
    }

    /// <summary>The events of all users, after <see cref="Arrange"/>.</summary>
    public EventBytes Arranged { get; private set; } = new MemoryEventBytes([], default);

    /// <summary>The events of a user, after <see cref="Arrange"/>.</summary>
    public ReadOnlySpan<byte> Of(uint record)
    {
        var (start, length) = PlaceOf(record);
        return _arranged.AsSpan(start, length);
    }

    /// <summary>The place of a user's events in <see cref="Arranged"/>.</summary>
    public (int Start, int Length) PlaceOf(uint record)
    {
        var index = (int)(record >> 1);
        var start = index == 0 ? 0 : _userEnds[index - 1];
        return (start, _userEnds[index] - start);
    }

    /// <summary>Removes all events, and keeps a little memory for the next range.</summary>
    public void Clear()
    {
        const int KeptChunks = 4;
        _pending.Clear();
        _ends.Clear();
        (_filledChunks, _used, Bytes, _chunk) = (0, 0, 0, []);
        if (_chunks.Count > KeptChunks)
        {
            _chunks.RemoveRange(KeptChunks, _chunks.Count - KeptChunks);
            _arranged = [];
        }
    }

    /// <summary>Reads an event from the front of a user's bytes.</summary>
    /// <param name="bytes">At least one event; advanced past it.</param>
    /// <param name="form">The encoding of the range's events.</param>
    public static AppliedEvent Read(ref ReadOnlySpan<byte> bytes, EventForm form)
    {
        var offset = form.Base + (long)HistoryCodec.ReadNumber(ref bytes);
        var type = (int)HistoryCodec.ReadNumber(ref bytes);
        var value = HistoryCodec.UnZigZag(HistoryCodec.ReadNumber(ref bytes));
        return new AppliedEvent(offset, type, value, form.HaveTimes ? HistoryCodec.UnZigZag(HistoryCodec.ReadNumber(ref bytes)) : AppliedEvent.NoTime)
        {
            Source = form.Source,
        };
    }

    private void Append(uint record, long offset, int type, long value, long time)
    {
        if (_chunk.Length - _used < HeaderBytes + HistoryCodec.MaxEventBytes)
        {
            CloseChunk();
            if (_filledChunks == _chunks.Count)
            {
                _chunks.Add(GC.AllocateUninitializedArray<byte>(ChunkBytes));
            }

            (_chunk, _used) = (_chunks[_filledChunks], 0);
        }

        var bytes = _chunk.AsSpan(_used);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, record);
        var numbers = bytes[HeaderBytes..];
        var length = HistoryCodec.WriteNumber(numbers, (ulong)(offset - Base));
        length += HistoryCodec.WriteNumber(numbers[length..], (ulong)type);
        length += HistoryCodec.WriteNumber(numbers[length..], HistoryCodec.ZigZag(value));
        if (HasTimes)
        {
            length += HistoryCodec.WriteNumber(numbers[length..], HistoryCodec.ZigZag(time));
        }

        bytes[4] = (byte)length;
        _used += HeaderBytes + length;
        Bytes += HeaderBytes + length;
    }

    private void CloseChunk()
    {
        if (_chunk.Length > 0)
        {
            _ends.Add(_used);
            _filledChunks++;
            (_chunk, _used) = ([], 0);
        }
    }
}

/// <summary>The encoding of a range's events.</summary>
/// <param name="Base">Start of the range; offsets are relative to it.</param>
/// <param name="HaveTimes">Whether events have times; true for a log.</param>
/// <param name="Source">Number of the source, if several sources are read together.</param>
internal readonly record struct EventForm(long Base, bool HaveTimes, int Source);
