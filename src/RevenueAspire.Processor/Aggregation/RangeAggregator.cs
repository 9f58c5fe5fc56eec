using RevenueAspire.Events;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Aggregation;

/// <summary>Aggregates ranges in bounded memory (rule M4) on several cores: each worker parses blocks of whole lines into its own table. When a table reaches
/// its share of <see cref="ProcessorOptions.MaxUsersInMemory"/>, the worker sorts it and writes it to disk as a run. Reusable, and keeps its memory; not
/// thread-safe.</summary>
internal sealed class RangeAggregator : IDisposable
{
    private readonly ProcessorOptions _options;
    private readonly BlockWorker[] _workers;
    private readonly int _usersPerWorker;

    /// <param name="types">The event names that count.</param>
    /// <param name="options">Limits and block size.</param>
    /// <param name="workers">Number of threads, at least 1.</param>
    /// <param name="keepsEvents">Whether to keep the events of each user for the history.</param>
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

    /// <summary>Bytes aggregated since creation. Any thread may read it to report progress.</summary>
    public long BytesAggregated => _workers.Sum(worker => Volatile.Read(ref worker.BytesAggregated));

    /// <summary>How many times each event counts in the next aggregations, at least 1.</summary>
    public int Times
    {
        set => Array.ForEach(_workers, worker => worker.Times = value);
    }

    /// <summary>Source number to store with the events of the next aggregations. Call <see cref="Spill"/> before changing it, because a table holds events of
    /// one range only.</summary>
    public int SourceNumber { get; set; }

    /// <summary>Writes all users to disk.</summary>
    /// <exception cref="IOException">The disk is full, or failed.</exception>
    public void Spill() => WorkerThreads.Run(_workers.Length, number => _workers[number].SpillAll());

    /// <summary>Set to false to only count rejected lines: they are then not stored, and do not limit the range.</summary>
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

    /// <summary>Sorts the users of all workers. The result is valid until <see cref="Clear"/> or the next aggregation.</summary>
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

    /// <summary>Counts the distinct users of all workers on all cores.</summary>
    public long CountUsers() => Runs.Any()
        ? ((SpilledUsers)Sort()).CountUsers(_workers.Length)
        : DistinctUsers.Count(Array.ConvertAll(_workers, worker => worker.Users));

    /// <inheritdoc/>
    public void Dispose() => Array.ForEach(_workers, worker => worker.Runs.Dispose());

    /// <summary>Removes all users, and keeps their memory for reuse.</summary>
    public void Clear()
    {
        foreach (var worker in _workers)
        {
            worker.Users.Clear();
            worker.Runs.Clear();
        }
    }

    /// <summary>Aggregates [from, to), or less if <paramref name="limited"/> and a limit is reached. Adds to the users already present: call
    /// <see cref="Clear"/> first for a separate range. A limited range must be separate unless <see cref="KeepsRejects"/> is false.</summary>
    /// <param name="source">The source to read.</param>
    /// <param name="from">The start of a line.</param>
    /// <param name="to">The start of a line, or the end of the source.</param>
    /// <param name="limited">False if the end is already fixed.</param>
    /// <param name="hashed">Whether to hash the bytes.</param>
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

        // A worker reached the limit of rejects and stopped within a block. Other workers may have aggregated later blocks, and a sum cannot be undone. So
        // aggregate again, up to the line where the worker stopped.
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
            // The range failed: stop the other workers.
            cursor.Stop();
            throw;
        }
    }

    private bool IsFull()
    {
        // No lock: the counts only grow, and a stale count only ends the range a block later.
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
