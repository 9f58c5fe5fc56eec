using System.Runtime.CompilerServices;
using RevenueAspire.EventLog;
using RevenueAspire.Events;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Aggregation;

/// <summary>A rejected line. Its line number is relative to its block.</summary>
internal sealed record Reject(int Block, RejectedLine Line);

/// <summary>The state of one worker thread: buffer, parser and users.</summary>
internal sealed class BlockWorker(EventTypes types, bool keepsEvents = false)
{
    private const int BeginningBytes = 256;

    /// <summary>Bytes of events in memory above which a worker writes its users to disk. Grouping the events by user needs the same amount again.</summary>
    private const long MaxEventBytes = 24 << 20;

    /// <summary>The longest pause, in lines, before the fast path for plain lines is tried again.</summary>
    private const int MostUntried = 63;

    private readonly EventParser _parser = new(types);
    private readonly EventQueue _queue = new();
    private SortMemory _sortMemory = new();
    private readonly List<int> _blocks = [];
    private readonly List<int> _lines = [];
    private int _maxRejects = int.MaxValue;

    /// <summary>The bytes of the current block.</summary>
    public byte[] Buffer = [];

    /// <summary>Bytes aggregated since the worker was created.</summary>
    public long BytesAggregated;

    /// <summary>Number of rejected lines stored for this range.</summary>
    public int RejectCount;

    /// <summary>The users in memory.</summary>
    public UserSums Users { get; private set; } = NewUsers(keepsEvents);

    /// <summary>The users on disk.</summary>
    public RunFile Runs { get; } = new();

    /// <summary>How many times each event counts.</summary>
    public int Times { get; set; } = 1;

    public long Events { get; private set; }

    /// <summary>Number of rejected lines, stored or not.</summary>
    public long RejectedLines { get; private set; }

    /// <summary>Sum of the events. Each event counts once, regardless of <see cref="Times"/>.</summary>
    public WideSum Revenue;

    public long? UnknownNameAt { get; private set; }

    /// <summary>Offset of the line at which this worker stopped because it had stored the maximum number of rejects; else null. Always after the start of the
    /// range, because those rejects precede it.</summary>
    public long? FullAt { get; private set; }

    /// <summary>Whether to store rejected lines.</summary>
    public bool KeepsRejects { get; set; } = true;

    /// <summary>The stored rejects. Their line numbers are relative to their blocks.</summary>
    public List<Reject> Rejects { get; } = [];

    /// <summary>Starts a range. Users of earlier ranges stay in the table.</summary>
    public void Begin(int maxRejects, ISourceReader source, long from, int sourceNumber)
    {
        if (Users.Events is { } events)
        {
            (events.Base, events.HasTimes, events.Source) = (from, source.Kind == SourceKind.Log, sourceNumber);
        }

        _maxRejects = maxRejects;
        FullAt = null;
        Events = 0;
        RejectedLines = 0;
        Revenue = default;
        UnknownNameAt = null;
        RejectCount = 0;
        _blocks.Clear();
        _lines.Clear();
        Rejects.Clear();
    }

    /// <summary>Aggregates one block.</summary>
    public void Aggregate(ISourceReader source, in Block block, RecordTimes times)
    {
        var lines = block.Kind switch
        {
            BlockKind.Lines => AggregateLines(source, block),
            BlockKind.Skipped => 0,
            BlockKind.TooLong => RejectBlock(block, RejectReason.TooLong.Describe()),
            _ => RejectBlock(block, block.Damage!),
        };
        if (Users.Events is { HasPending: true } waiting)
        {
            // The batch continues in the next block, and only its last record contains the time.
            waiting.SetTime(times.After(block.Offset + block.Count));
        }

        _blocks.Add(block.Index);
        _lines.Add((int)lines);
        Volatile.Write(ref BytesAggregated, BytesAggregated + block.Count);
    }

    /// <summary>Writes the users to disk as a sorted run if they exceed the limit, or if their events take too much memory.</summary>
    public void SpillAbove(int users)
    {
        if (Users.Weight > users || Users.Events?.Bytes > MaxEventBytes)
        {
            Users.Events?.Arrange(Users);
            Runs.Add(UserSort.Sort(Users, _sortMemory));
            Users.Clear();
        }
    }

    /// <summary>Writes all users to disk and releases their memory, because the next range is aggregated while these users are merged.</summary>
    public void SpillAll()
    {
        SpillAbove(0);
        var form = Users.Events?.Form ?? default;
        (Users, _sortMemory) = (NewUsers(keepsEvents), new SortMemory());
        if (Users.Events is { } events)
        {
            (events.Base, events.HasTimes, events.Source) = (form.Base, form.HaveTimes, form.Source);
        }
    }

    private static UserSums NewUsers(bool keepsEvents) => new() { Events = keepsEvents ? new UserEvents() : null };

    /// <summary>Stores the line count of each block that this worker aggregated.</summary>
    /// <param name="lines">One element per block of the range.</param>
    public void CopyLinesTo(Span<long> lines)
    {
        for (var index = 0; index < _blocks.Count; index++)
        {
            lines[_blocks[index]] = _lines[index];
        }
    }

    private long AggregateLines(ISourceReader source, in Block block)
    {
        var all = Buffer.AsSpan(0, block.Count);
        var rest = all;
        var offset = block.Offset;
        long line = 0;
        var first = true;

        // In a log, each single event and the last record of each batch end with the server's fields, so they are not plain lines. After each failure in a row,
        // parse more lines in full before trying the fast path again.
        var (untried, skip) = (0, 0);
        while (rest.Length > 0)
        {
            if (Rejects.Count >= _maxRejects && offset > block.Offset)
            {
                FullAt = offset;
                _queue.AddTo(Users, all, Times, block.Offset, _parser.Types, ref Revenue);
                return line;
            }

            if (untried > 0)
            {
                untried--;
            }
            else
            {
                var at = all.Length - rest.Length;
                var begin = at;
                if (_queue.Take(_parser, all, ref at, source.MaxLineBytes) is > 0 and var taken)
                {
                    (skip, first) = (0, false);
                    Events += taken;
                    line += taken;
                    offset += at - begin;
                    rest = all[at..];
                }

                if (_queue.IsFull)
                {
                    _queue.AddTo(Users, all, Times, block.Offset, _parser.Types, ref Revenue);
                    continue;
                }

                if (rest.IsEmpty)
                {
                    break;
                }

                untried = skip;
                skip = Math.Min((2 * skip) + 1, MostUntried);
            }

            var newline = rest.IndexOf((byte)'\n');
            var content = newline < 0 ? rest : rest[..newline];
            var length = newline < 0 ? rest.Length : newline + 1;
            var reason = RejectReason.TooLong;
            if (Users.Events is not null)
            {
                // A user's events must stay in the order of their offsets, so add the queued events first.
                _queue.AddTo(Users, all, Times, block.Offset, _parser.Types, ref Revenue);
            }

            var outcome = content.Length > source.MaxLineBytes ? ParseOutcome.Rejected : Count(content, offset, out reason);
            if (outcome == ParseOutcome.Rejected && first && block.AfterDamage && reason != RejectReason.NameUnknown)
            {
                // The rest of a record cut by damage does not count as a line. No suffix of a valid record is valid, so a valid line here is a whole record.
                line--;
            }
            else if (outcome == ParseOutcome.Rejected)
            {
                if (reason == RejectReason.NameUnknown && source.Kind == SourceKind.Log)
                {
                    UnknownNameAt ??= offset;
                    _queue.AddTo(Users, all, Times, block.Offset, _parser.Types, ref Revenue);
                    return line;
                }

                AddReject(block.Index, offset, line, reason.Describe(), content);
            }
            else if (outcome == ParseOutcome.Blank && first && block.ContinuesLine)
            {
                // This is only the newline of a line that was counted earlier without it.
                line--;
            }

            first = false;
            line++;
            offset += length;
            rest = rest[length..];
        }

        _queue.AddTo(Users, all, Times, block.Offset, _parser.Types, ref Revenue);
        return line;
    }

    // A separate method, because the Release build contains no precompiled code for methods that use Int128 (see WideSum).
    [MethodImpl(MethodImplOptions.NoInlining)]
    private ParseOutcome Count(ReadOnlySpan<byte> content, long offset, out RejectReason reason)
    {
        var outcome = _parser.Parse(content, out var parsed);
        if (outcome == ParseOutcome.Event)
        {
            Events++;
            Revenue.Add(parsed.Delta);
            Users.Add(parsed.UserId, parsed.Delta * Times);
            if (Users.Events is { } events)
            {
                Users.TryFind(parsed.UserId, out var record);
                events.Add(record, offset, parsed.Type, parsed.Value);
            }
        }

        if (Users.Events is { HasPending: true } waiting && RecordTime.TryRead(content, out var time))
        {
            waiting.SetTime(time);
        }

        reason = parsed.Reason;
        return outcome;
    }

    private long RejectBlock(in Block block, string reason)
    {
        AddReject(block.Index, block.Offset, 0, reason, Buffer.AsSpan(0, block.Count));
        return 1;
    }

    private void AddReject(int block, long offset, long line, string reason, ReadOnlySpan<byte> content)
    {
        RejectedLines++;
        if (!KeepsRejects)
        {
            return;
        }

        Rejects.Add(new Reject(block, new RejectedLine(offset, line, reason, content[..Math.Min(content.Length, BeginningBytes)].ToArray())));
        Volatile.Write(ref RejectCount, Rejects.Count);
    }
}
