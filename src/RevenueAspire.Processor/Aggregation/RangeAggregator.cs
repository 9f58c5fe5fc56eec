using RevenueAspire.Events;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Aggregation;

/// <summary>Aggregates ranges in bounded memory (rule M4), on several cores: each worker parses blocks of whole lines into its own table. A table that has
/// its share of <see cref="ProcessorOptions.MaxUsersInMemory"/> is sorted and written to disk as a run. Not thread-safe; reusable, and keeps its
/// memory.</summary>
internal sealed class RangeAggregator : IDisposable
{
    private readonly ProcessorOptions _options;
    private readonly BlockWorker[] _workers;
    private readonly int _usersPerWorker;

    /// <param name="types">The event names that count.</param>
    /// <param name="options">Limits and block size.</param>
    /// <param name="workers">Threads to use, at least 1.</param>
    /// <param name="keepsEvents">Whether the events of each user are kept, for the history.</param>
    public RangeAggregator(EventTypes types, ProcessorOptions options, int workers, bool keepsEvents = false)
    {
        _options = options;
        _usersPerWorker = Math.Max(1, options.MaxUsersInMemory / workers);
        _workers = new BlockWorker[workers];
        for (var index = 0; index < workers; index++)
        {
            _workers[index] = new BlockWorker(types, keepsEvents);
        }
    }

    /// <summary>Bytes aggregated since the aggregator was made; may be read from any thread, for progress.</summary>
    public long BytesAggregated => _workers.Sum(worker => Volatile.Read(ref worker.BytesAggregated));

    /// <summary>How often an event counts in the next aggregations, at least 1.</summary>
    public int Times
    {
        set => Array.ForEach(_workers, worker => worker.Times = value);
    }

    /// <summary>Number of the source in the events of the next aggregations. Call <see cref="Spill"/> before another one: events of two ranges do not lie in
    /// one table.</summary>
    public int SourceNumber { get; set; }

    /// <summary>Writes all users to disk.</summary>
    /// <exception cref="IOException">The disk is full, or failed.</exception>
    public void Spill() => WorkerThreads.Run(_workers.Length, number => _workers[number].SpillAll());

    /// <summary>False where rejected lines are of no interest: none is held, and they limit nothing.</summary>
    public bool KeepsRejects
    {
        set => Array.ForEach(_workers, worker => worker.KeepsRejects = value);
    }

    private IEnumerable<SortedRun> Runs => _workers.SelectMany(worker => worker.Runs.Runs);

    /// <summary>Adds to a user's sum.</summary>
    /// <exception cref="IOException">The disk is full, or failed.</exception>
    public void Add(ReadOnlySpan<byte> userId, Int128 delta)
    {
        _workers[0].Users.Add(userId, delta);
        _workers[0].SpillAbove(_usersPerWorker - 1);
    }

    /// <summary>Sorts the users of all workers. Valid until <see cref="Clear"/> or the next aggregation.</summary>
    /// <exception cref="IOException">The disk is full, or failed.</exception>
    public IRangeUsers Sort()
    {
        if (!Runs.Any())
        {
            foreach (var worker in _workers)
            {
                worker.Users.Events?.Arrange(worker.Users);
            }

            return UserSort.Sort(Array.ConvertAll(_workers, worker => worker.Users));
        }

        Spill();
        return new SpilledUsers([.. Runs]);
    }

    /// <summary>Counts the users of all workers, each once, on all cores.</summary>
    public long CountUsers() => Runs.Any()
        ? ((SpilledUsers)Sort()).CountUsers(_workers.Length)
        : DistinctUsers.Count(Array.ConvertAll(_workers, worker => worker.Users));

    /// <inheritdoc/>
    public void Dispose() => Array.ForEach(_workers, worker => worker.Runs.Dispose());

    /// <summary>Forgets all users; their memory is used again.</summary>
    public void Clear()
    {
        foreach (var worker in _workers)
        {
            worker.Users.Clear();
            worker.Runs.Clear();
        }
    }

    /// <summary>Aggregates [from, to), or less when <paramref name="limited"/> and a limit is reached. Adds to the users that are there: call
    /// <see cref="Clear"/> before a separate range; a limited range is separate unless <see cref="KeepsRejects"/> is false.</summary>
    /// <param name="source">Where to read.</param>
    /// <param name="from">The beginning of a line.</param>
    /// <param name="to">The beginning of a line, or the source's end.</param>
    /// <param name="limited">False where the end is fixed already.</param>
    /// <param name="hashed">Whether the bytes' hash is wanted.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <exception cref="SourceStoppedException">The source cannot be read.</exception>
    /// <exception cref="IOException">A disk is full, or failed.</exception>
    public RangeAggregate Aggregate(ISourceReader source, long from, long to, bool limited, bool hashed, CancellationToken cancellationToken)
    {
        var range = AggregateOnce(source, from, to, limited, hashed, cancellationToken);
        var full = long.MaxValue;
        foreach (var worker in _workers)
        {
            full = Math.Min(full, worker.FullAt ?? long.MaxValue);
        }

        if (!limited || full == long.MaxValue)
        {
            return range;
        }

        // Blocks so full of rejects that a worker stopped within one. Others may have continued after it, and a sum cannot be reduced: aggregate again, up
        // to there.
        Clear();
        return AggregateOnce(source, from, full, limited: false, hashed, cancellationToken);
    }

    private RangeAggregate AggregateOnce(ISourceReader source, long from, long to, bool limited, bool hashed, CancellationToken cancellationToken)
    {
        using var cursor = new BlockCursor(source, from, to, _options.BlockBytes, hashed);
        Array.ForEach(_workers, worker => worker.Begin(limited ? _options.MaxRejectsPerRange : int.MaxValue, source, from, SourceNumber));
        var times = new RecordTimes(source);
        var workers = Math.Min(_workers.Length, (int)Math.Min((to - from) / _options.BlockBytes + 1, int.MaxValue));
        WorkerThreads.Run(workers, number => Work(_workers[number], source, cursor, times, limited, cancellationToken));
        return Assemble(cursor, from);
    }

    private void Work(BlockWorker worker, ISourceReader source, BlockCursor cursor, RecordTimes times, bool limited, CancellationToken cancellationToken)
    {
        try
        {
            while (cursor.TryNext(ref worker.Buffer, out var block))
            {
                cancellationToken.ThrowIfCancellationRequested();
                worker.Aggregate(source, block, times);
                worker.SpillAbove(_usersPerWorker - 1);
                if (worker.UnknownNameAt is not null || worker.FullAt is not null || (limited && IsFull()))
                {
                    cursor.Stop();
                }
            }
        }
        catch
        {
            // The others need not go on for a range that failed.
            cursor.Stop();
            throw;
        }
    }

    private bool IsFull()
    {
        // Read without a lock: a worker's count only grows, and being a block late only moves the end by a block.
        long rejects = 0;
        foreach (var worker in _workers)
        {
            rejects += Volatile.Read(ref worker.RejectCount);
        }

        return rejects >= _options.MaxRejectsPerRange;
    }

    private RangeAggregate Assemble(BlockCursor cursor, long from)
    {
        var firstLines = new long[cursor.Blocks + 1];
        var (events, rejectedLines, revenue) = (0L, 0L, default(WideSum));
        long? unknownName = null;
        var rejects = new List<RejectedLine>();
        foreach (var worker in _workers)
        {
            worker.CopyLinesTo(firstLines.AsSpan(1));
            events += worker.Events;
            rejectedLines += worker.RejectedLines;
            revenue.Add(worker.Revenue);
            if (worker.UnknownNameAt is { } at && !(at >= unknownName))
            {
                unknownName = at;
            }
        }

        for (var index = 1; index < firstLines.Length; index++)
        {
            firstLines[index] += firstLines[index - 1];
        }

        foreach (var worker in _workers)
        {
            foreach (var reject in worker.Rejects)
            {
                rejects.Add(reject.Line with { Line = firstLines[reject.Block] + reject.Line.Line });
            }
        }

        rejects.Sort(static (left, right) => left.Offset.CompareTo(right.Offset));
        return new RangeAggregate
        {
            From = from,
            End = cursor.HandedOut,
            BytesHash = cursor.Hash(),
            Lines = firstLines[^1],
            Events = events,
            Sum = revenue,
            RejectedLines = rejectedLines,
            Rejects = rejects,
            Damage = cursor.Damage,
            UnknownNameAt = unknownName,
            Aggregator = this,
        };
    }
}
