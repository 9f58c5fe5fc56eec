using System.Runtime.CompilerServices;
using RevenueAspire.EventLog;
using RevenueAspire.Events;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Aggregation;

/// <summary>A rejected line, its number counted from the beginning of its block.</summary>
internal sealed record Reject(int Block, RejectedLine Line);

/// <summary>One thread's share of a range: its buffer, its parser, its users.</summary>
internal sealed class BlockWorker(EventTypes types, bool keepsEvents = false)
{
    private const int BeginningBytes = 256;

    /// <summary>Bytes of events in the memory of one worker. Putting them in order takes as much again.</summary>
    private const long MaxEventBytes = 24 << 20;

    /// <summary>Lines after which a plain line is tried again.</summary>
    private const int MostUntried = 63;

    private readonly EventParser _parser = new(types);
    private readonly EventQueue _queue = new();
    private SortMemory _sortMemory = new();
    private readonly List<int> _blocks = [];
    private readonly List<int> _lines = [];
    private int _maxRejects = int.MaxValue;

    /// <summary>Holds the block that is being parsed.</summary>
    public byte[] Buffer = [];

    /// <summary>Bytes aggregated since the worker was made.</summary>
    public long BytesAggregated;

    /// <summary>Rejected lines of this range.</summary>
    public int RejectCount;

    /// <summary>The users in memory.</summary>
    public UserSums Users { get; private set; } = NewUsers(keepsEvents);

    /// <summary>The users on disk.</summary>
    public RunFile Runs { get; } = new();

    /// <summary>How often each event counts.</summary>
    public int Times { get; set; } = 1;

    public long Events { get; private set; }

    /// <summary>Lines that are no events, held or not.</summary>
    public long RejectedLines { get; private set; }

    /// <summary>Sum of the events, each once, whatever <see cref="Times"/> says.</summary>
    public WideSum Revenue;

    public long? UnknownNameAt { get; private set; }

    /// <summary>The line at which this worker stopped because it held the most rejects allowed; else null. After the range's beginning, since those rejects
    /// come before it.</summary>
    public long? FullAt { get; private set; }

    /// <summary>Whether rejected lines are held.</summary>
    public bool KeepsRejects { get; set; } = true;

    /// <summary>Rejects, their lines counted from the beginning of their block.</summary>
    public List<Reject> Rejects { get; } = [];

    /// <summary>Starts a range; the users stay.</summary>
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
            // The batch goes on in the next block: its last record has the time.
            waiting.SetTime(times.After(block.Offset + block.Count));
        }

        _blocks.Add(block.Index);
        _lines.Add((int)lines);
        Volatile.Write(ref BytesAggregated, BytesAggregated + block.Count);
    }

    /// <summary>Writes the users to disk as a sorted run where memory holds more of them than a limit.</summary>
    public void SpillAbove(int users)
    {
        if (Users.Weight > users || Users.Events?.Bytes > MaxEventBytes)
        {
            Users.Events?.Arrange(Users);
            Runs.Add(UserSort.Sort(Users, _sortMemory));
            Users.Clear();
        }
    }

    /// <summary>Writes all users to disk, and gives their memory back: the next range is aggregated while these are merged.</summary>
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

    /// <summary>Writes the number of lines of each block that this worker aggregated.</summary>
    /// <param name="lines">A place for each block of the range.</param>
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

        // Of a log, the last record of a batch ends in the server's fields, and each single event does: after such a record the next ones are not tried, ever
        // more of them.
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
                // The events of a user are kept in the order of their offsets.
                _queue.AddTo(Users, all, Times, block.Offset, _parser.Types, ref Revenue);
            }

            var outcome = content.Length > source.MaxLineBytes ? ParseOutcome.Rejected : Count(content, offset, out reason);
            if (outcome == ParseOutcome.Rejected && first && block.AfterDamage && reason != RejectReason.NameUnknown)
            {
                // The rest of a record that damage cut: no suffix of a valid record is itself one, so it counts only where a record begins here.
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
                // Only the newline of a line that was counted before it had one.
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

    // Apart, since the Release build holds no code for methods that touch an Int128 (see WideSum).
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
