using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Aggregation;

/// <summary>Merges one user's events from several places, in ascending order of offset. Reusable for the next user; not thread-safe.</summary>
internal sealed class EventMerge
{
    private readonly List<EventStream> _streams = [];
    private int _open;
    private int _first;

    /// <summary>Starts the next user.</summary>
    public void Clear() => (_open, _first) = (0, 0);

    /// <summary>Adds a place that contains events of the user.</summary>
    /// <param name="source">Must not change while this instance reads it.</param>
    /// <param name="at">Position of the user's first event.</param>
    /// <param name="bytes">Length of the user's events in bytes; 0 for none.</param>
    public void Add(EventBytes source, long at, long bytes)
    {
        if (bytes == 0)
        {
            return;
        }

        if (_open == _streams.Count)
        {
            _streams.Add(new EventStream());
        }

        _streams[_open].Begin(source, at, bytes);
        for (var index = _open++; index > 0 && _streams[index].Current.Offset < _streams[index - 1].Current.Offset; index--)
        {
            (_streams[index], _streams[index - 1]) = (_streams[index - 1], _streams[index]);
        }
    }

    /// <summary>Reads the next event; false at the end.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    public bool Read(out AppliedEvent applied)
    {
        if (_first == _open)
        {
            applied = default;
            return false;
        }

        applied = _streams[_first].Current;
        if (!_streams[_first].Advance())
        {
            _first++;
            return true;
        }

        // Most places cover consecutive offsets, so the order rarely changes.
        for (var index = _first; index + 1 < _open && _streams[index].Current.Offset > _streams[index + 1].Current.Offset; index++)
        {
            (_streams[index], _streams[index + 1]) = (_streams[index + 1], _streams[index]);
        }

        return true;
    }

    /// <summary>The events of one user at one place.</summary>
    private sealed class EventStream
    {
        private EventBytes? _source;
        private long _at;
        private long _end;

        public AppliedEvent Current { get; private set; }

        public void Begin(EventBytes source, long at, long bytes)
        {
            (_source, _at, _end) = (source, at, at + bytes);
            Advance();
        }

        public bool Advance()
        {
            if (_at == _end)
            {
                return false;
            }

            var window = _source!.Peek(_at, _end);
            var rest = window;
            Current = UserEvents.Read(ref rest, _source.Form);
            _at += window.Length - rest.Length;
            return true;
        }
    }
}

/// <summary>Bytes of events, in memory or on disk.</summary>
internal abstract class EventBytes(EventForm form)
{
    /// <summary>The encoding of the events.</summary>
    public EventForm Form { get; } = form;

    /// <summary>The bytes from a position onwards, at least one whole event. Valid until the next call.</summary>
    public abstract ReadOnlySpan<byte> Peek(long at, long end);
}

/// <summary>Events in memory.</summary>
internal sealed class MemoryEventBytes(byte[] bytes, EventForm form) : EventBytes(form)
{
    /// <inheritdoc/>
    public override ReadOnlySpan<byte> Peek(long at, long end) => bytes.AsSpan((int)at, (int)(end - at));
}
