using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using RevenueAspire.Events;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Aggregation;

/// <summary>Merges several sorted runs into one sequence in byte order of the ids. A user of several runs appears once, with the total of its sums. Not
/// thread-safe.</summary>
/// <remarks>A binary heap of the runs, ordered by their next users. It skips the prefix that all users share and compares the next 8 bytes as one number. It
/// compares whole ids only if these numbers are equal.</remarks>
internal sealed class RunMerge : IDeltaReader
{
    /// <summary>Total size of all runs' buffers. With very many runs it is larger, because each run gets at least <see cref="LeastBufferBytes"/>.</summary>
    private const int AllBufferBytes = 32 << 20;

    private const int LeastBufferBytes = 4 << 10;
    private readonly RunReader[] _heap;
    private readonly ulong[] _prefixes;
    private readonly byte[] _userId = new byte[EventParser.MaxUserIdBytes];
    private readonly EventMerge? _events;
    private readonly int _skip;
    private int _count;
    private int _length;

    /// <param name="runs">Must not change while this instance reads.</param>
    /// <param name="after">The last user to skip; empty for all users.</param>
    public RunMerge(IReadOnlyList<SortedRun> runs, ReadOnlySpan<byte> after)
    {
        _events = runs[0].Events is null ? null : new EventMerge();
        _heap = new RunReader[runs.Count];
        _prefixes = new ulong[runs.Count];
        _skip = runs[0].First.Length;
        foreach (var run in runs)
        {
            _skip = Math.Min(_skip, runs[0].First.AsSpan().CommonPrefixLength(run.First));
            _skip = Math.Min(_skip, runs[0].First.AsSpan().CommonPrefixLength(run.Last));
        }

        var buffer = Math.Clamp(AllBufferBytes / runs.Count, LeastBufferBytes, RunReader.BufferBytes);
        foreach (var run in runs)
        {
            var reader = new RunReader(run, run.Seek(after), buffer);
            var any = reader.Read();
            while (any && reader.UserId.SequenceCompareTo(after) <= 0)
            {
                any = reader.Read();
            }

            if (any)
            {
                _heap[_count] = reader;
                _prefixes[_count++] = Prefix(reader.UserId);
            }
        }

        for (var index = _count / 2 - 1; index >= 0; index--)
        {
            SiftDown(index);
        }
    }

    /// <inheritdoc/>
    public ReadOnlySpan<byte> UserId => _userId.AsSpan(0, _length);

    /// <inheritdoc/>
    public Int128 Delta { get; private set; }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool Read()
    {
        if (_count == 0)
        {
            return false;
        }

        var first = _heap[0].UserId;
        first.CopyTo(_userId);
        _length = first.Length;
        var (prefix, sum) = (_prefixes[0], _heap[0].Delta);
        if (_events is not null)
        {
            _events.Clear();
            _heap[0].AddEventsTo(_events);
        }

        Advance();
        while (_count > 0 && _prefixes[0] == prefix && _heap[0].UserId.SequenceEqual(UserId))
        {
            sum += _heap[0].Delta;
            if (_events is not null)
            {
                _heap[0].AddEventsTo(_events);
            }

            Advance();
        }

        Delta = sum;
        return true;
    }

    /// <inheritdoc/>
    public bool ReadEvent(out AppliedEvent applied)
    {
        applied = default;
        return _events is not null && _events.Read(out applied);
    }

    /// <summary>Advances the run with the lowest user to its next user.</summary>
    private void Advance()
    {
        if (_heap[0].Read())
        {
            _prefixes[0] = Prefix(_heap[0].UserId);
        }
        else
        {
            _count--;
            (_heap[0], _prefixes[0]) = (_heap[_count], _prefixes[_count]);
        }

        SiftDown(0);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void SiftDown(int index)
    {
        while (true)
        {
            var child = (2 * index) + 1;
            if (child >= _count)
            {
                return;
            }

            if (child + 1 < _count && IsBefore(child + 1, child))
            {
                child++;
            }

            if (!IsBefore(child, index))
            {
                return;
            }

            (_heap[child], _heap[index]) = (_heap[index], _heap[child]);
            (_prefixes[child], _prefixes[index]) = (_prefixes[index], _prefixes[child]);
            index = child;
        }
    }

    private bool IsBefore(int left, int right) => _prefixes[left] != _prefixes[right]
        ? _prefixes[left] < _prefixes[right]
        : _heap[left].UserId.SequenceCompareTo(_heap[right].UserId) < 0;

    // Ids contain no U+0000, so padding a short id with zeros preserves the order.
    private ulong Prefix(ReadOnlySpan<byte> userId)
    {
        var rest = userId[_skip..];
        if (rest.Length >= sizeof(ulong))
        {
            return BinaryPrimitives.ReadUInt64BigEndian(rest);
        }

        Span<byte> padded = stackalloc byte[sizeof(ulong)];
        padded.Clear();
        rest.CopyTo(padded);
        return BinaryPrimitives.ReadUInt64BigEndian(padded);
    }
}
