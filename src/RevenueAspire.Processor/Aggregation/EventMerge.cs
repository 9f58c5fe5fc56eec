using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Aggregation;

/// <summary>Reads the events of one user from several places as one, in ascending order of offsets. Used again for the next user; not thread-safe.</summary>
internal sealed class EventMerge
{
    private readonly List<EventStream> _streams = [];
    private int _open;
    private int _first;

    /// <summary>Begins the next user.</summary>
    public void Clear() => (_open, _first) = (0, 0);

    /// <summary>Adds a place.</summary>
    /// <param name="source">Not changed while this reads.</param>
    /// <param name="at">Where the user's events begin in it.</param>
    /// <param name="bytes">Their length; 0 for none.</param>
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

        // The places mostly follow one another, so the order changes seldom.
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
    /// <summary>How they are to be read.</summary>
    public EventForm Form { get; } = form;

    /// <summary>The bytes from a place on, at least one whole event. Valid until the next call.</summary>
    public abstract ReadOnlySpan<byte> Peek(long at, long end);
}

/// <summary>Events in memory.</summary>
internal sealed class MemoryEventBytes(byte[] bytes, EventForm form) : EventBytes(form)
{
    /// <inheritdoc/>
    public override ReadOnlySpan<byte> Peek(long at, long end) => bytes.AsSpan((int)at, (int)(end - at));
}
