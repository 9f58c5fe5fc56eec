using RevenueAspire.EventLog;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Reading;

/// <summary>Finds the time of a batch whose last record is in a later block. Thread-safe.</summary>
/// <remarks>A batch may have 32 MB, so the result for one offset is cached for all offsets up to that record.</remarks>
internal sealed class RecordTimes(ISourceReader source)
{
    private readonly Lock _lock = new();
    private long _from = -1;
    private long _through = -1;
    private long _time;

    /// <summary>Returns the time of the first record, at or after an offset, that contains a time; 0 (1970) if damage leaves none.</summary>
    /// <param name="offset">The start of a record.</param>
    public long After(long offset)
    {
        lock (_lock)
        {
            if (offset < _from || offset >= _through)
            {
                (_from, _through, _time) = (offset, offset, 0);
                Search(offset);
            }

            return _time;
        }
    }

    private void Search(long offset)
    {
        var end = source.Kind == SourceKind.Log ? source.Whole.ReadEnd() : offset;
        var bytes = new byte[1 << 20];
        var carried = 0;
        for (var at = offset; at < end;)
        {
            if (carried == bytes.Length)
            {
                Array.Resize(ref bytes, 2 * bytes.Length);
            }

            var read = source.Whole.Read(at, bytes.AsSpan(carried, (int)Math.Min(bytes.Length - carried, end - at)));
            if (read.Count == 0)
            {
                (at, carried) = (read.DamagedThrough, 0);
                continue;
            }

            at += read.Count;
            var rest = bytes.AsSpan(0, carried + read.Count);
            while (rest.IndexOf((byte)'\n') is >= 0 and var newline)
            {
                if (RecordTime.TryRead(rest[..newline], out _time))
                {
                    _through = at - rest.Length + newline + 1;
                    return;
                }

                rest = rest[(newline + 1)..];
            }

            carried = rest.Length;
            rest.CopyTo(bytes);
        }
    }
}
