namespace RevenueAspire.Client.Sending;

/// <summary>The gapless progress of a run, and the rejected lines since the previous <see cref="ProgressTracker.Take"/>.</summary>
internal sealed record Progress(long SentThrough, long LinesThrough, long AsOf, long Accepted, long Rejected, IReadOnlyList<RejectedLine> NewRejected);

/// <summary>Tracks the offset up to which all requests are answered. Answers arrive in any order. Thread-safe.</summary>
/// <param name="sentThrough">Offset in the file at which the run starts.</param>
/// <param name="linesThrough">Number of lines before that offset.</param>
/// <param name="highestReceipt">Returns the highest log position known so far. Called for each new request, and by <see cref="Take"/> while no request is
/// open.</param>
internal sealed class ProgressTracker(long sentThrough, long linesThrough, Func<long> highestReceipt)
{
    private readonly Lock _gate = new();
    private readonly Queue<OutboundRequest> _open = new();
    private List<RejectedLine> _rejected = [];
    private TaskCompletionSource? _advanced;
    private long _sentThrough = sentThrough;
    private long _linesThrough = linesThrough;
    private long _accepted;
    private long _rejectedCount;
    private long _answeredBytes;
    private long _answeredLines;

    /// <summary>Bytes of the file that the API has answered, including those after a gap.</summary>
    public long AnsweredBytes => Volatile.Read(ref _answeredBytes);

    public long AnsweredLines => Volatile.Read(ref _answeredLines);

    public bool IsEmpty
    {
        get
        {
            lock (_gate)
            {
                return _open.Count == 0;
            }
        }
    }

    /// <summary>Adds the next request of the file, before it is sent.</summary>
    public void Add(OutboundRequest request)
    {
        request.AsOf = request.CarriedAsOf ?? highestReceipt();
        lock (_gate)
        {
            _open.Enqueue(request);
        }
    }

    public void Complete(OutboundRequest request)
    {
        lock (_gate)
        {
            request.IsComplete = true;
            Volatile.Write(ref _answeredBytes, _answeredBytes + request.End - request.Offset);
            Volatile.Write(ref _answeredLines, _answeredLines + request.Accepted + (request.Rejected?.Count ?? 0));
            var before = _sentThrough;
            while (_open.TryPeek(out var oldest) && oldest.IsComplete)
            {
                _open.Dequeue();
                Pass(oldest);
            }

            if (_sentThrough != before && _advanced is { } advanced)
            {
                _advanced = null;
                advanced.SetResult();
            }
        }
    }

    /// <summary>Waits until all lines up to an offset are answered, or fewer than <paramref name="openRequests"/> requests are open.</summary>
    public async Task WaitAsync(long offset, int openRequests, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task advanced;
            lock (_gate)
            {
                if (_sentThrough > offset || _open.Count < openRequests)
                {
                    return;
                }

                advanced = (_advanced ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }

            await advanced.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Returns the progress, and removes the rejected lines from this tracker.</summary>
    public Progress Take()
    {
        lock (_gate)
        {
            var rejected = _rejected;
            _rejected = [];
            var asOf = _open.TryPeek(out var oldest) ? oldest.AsOf : highestReceipt();
            return new Progress(_sentThrough, _linesThrough, asOf, _accepted, _rejectedCount, rejected);
        }
    }

    private void Pass(OutboundRequest request)
    {
        _sentThrough = request.End;
        _linesThrough = request.LastLine;
        _accepted += request.Accepted;
        if (request.Rejected is { } lines)
        {
            _rejected.AddRange(lines);
            _rejectedCount += lines.Count;
        }
    }
}
