using Microsoft.Extensions.Logging;
using RevenueAspire.EventLog.Writing;

namespace RevenueAspire.EventLog;

/// <summary>The group commit of a log: takes events, and acknowledges them once its store has made them durable. Thread-safe.</summary>
/// <remarks>Callers enqueue under one short lock. One thread makes all calls that write to the store. Cancelling an append ends the wait, never the
/// write.</remarks>
public sealed class EventLogWriter : IAsyncDisposable
{
    private readonly ILogStore _store;
    private readonly AppendIntake _intake;
    private readonly CommitLoop _loop;

    /// <summary>Begins without the thread: the caller drives <see cref="Step"/>.</summary>
    internal EventLogWriter(ILogStore store, EventLogOptions options, ILogger<EventLogWriter> logger)
    {
        _store = store;
        _intake = new AppendIntake(store, options);
        _loop = new CommitLoop(store, _intake, options, logger);
    }

    /// <summary>The id in the receipts of new appends. A store may begin another log while it runs; receipts of earlier logs stay valid.</summary>
    public Guid LogId => _store.LogId;

    /// <summary>Where the log is kept, for people; no secrets in it.</summary>
    public string Name => _store.Name;

    /// <summary>Everything before this offset of <see cref="LogId"/> is durable.</summary>
    public long DurableMark => _store.DurableMark;

    /// <summary>How long the store took to make something durable when the log was opened; zero when it refused.</summary>
    public TimeSpan OpeningFsync => _store.OpeningFsync;

    /// <summary>Removes what the ledger has.</summary>
    public ILogRetention Retention => _store.Retention;

    /// <summary>Reads which idempotency keys are remembered now. Its id is empty before the store was reached for the first time.</summary>
    /// <exception cref="IOException">The store cannot be asked at present.</exception>
    public ValueTask<KeyMemory> ReadKeysAsync(CancellationToken cancellationToken) => _store.ReadKeysAsync(cancellationToken);

    /// <summary>Receipt of the latest append that became durable since the log was opened; null before the first.</summary>
    public Receipt? LastReceipt => _intake.LastReceipt;

    /// <summary>Whether appends are accepted, and why not, for people; the reason is null while they are.</summary>
    public (WriterState State, string? Reason) Status => _intake.Status;

    /// <summary>Groups waiting now: queued, being written, or waiting for the first attempt with their key.</summary>
    public int QueueDepth => _intake.Depth;

    /// <summary>Appends a group atomically and completes once it is durable (rule L5) and its key known.</summary>
    /// <param name="group">Used once.</param>
    /// <param name="cancellationToken">Stops the waiting, never the write: an enqueued group is written, and its key known.</param>
    /// <returns>The outcome; errors of the store are outcomes (<see cref="AppendStatus.Unavailable"/>), not exceptions.</returns>
    public ValueTask<AppendResult> AppendAsync(AppendGroup group, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(group);
        if (cancellationToken.IsCancellationRequested)
        {
            group.Release();
            return ValueTask.FromCanceled<AppendResult>(cancellationToken);
        }

        if (_intake.TryEnqueue(group, out var refused) is { } pending)
        {
            return pending.WaitAsync(cancellationToken);
        }

        group.Release();
        return ValueTask.FromResult(refused);
    }

    /// <summary>Closes the log to appends, known keys included, or opens it again: its owner knows that nothing appended to it would count.</summary>
    /// <param name="reason">For people, given to each caller; null opens the log.</param>
    public void Refuse(string? reason) => _intake.Refuse(reason);

    /// <summary>Looks a receipt up.</summary>
    /// <exception cref="EventLogException">The log is gone or being closed.</exception>
    /// <exception cref="IOException">The store cannot be read now.</exception>
    public ValueTask<ReceiptLookup> LookUpAsync(Receipt receipt, CancellationToken cancellationToken) => _store.LookUpAsync(receipt, cancellationToken);

    /// <summary>Checks the medium at the start.</summary>
    /// <exception cref="EventLogException">It cannot hold a log; the message says why.</exception>
    public Task CheckAsync(CancellationToken cancellationToken) => _store.CheckAsync(cancellationToken);

    /// <summary>Lists this log and the other logs that its store holds, the oldest first.</summary>
    /// <exception cref="IOException">The store cannot be read now.</exception>
    public ValueTask<IReadOnlyList<LogExtent>> ListLogsAsync(CancellationToken cancellationToken) => _store.ListAsync(cancellationToken);

    /// <summary>Refuses new appends, writes and acknowledges the queued ones, releases the log. Each call waits for the end.</summary>
    public ValueTask DisposeAsync() => _loop.DisposeAsync();

    /// <summary>The medium.</summary>
    internal ILogStore Store => _store;

    /// <summary>Starts the thread.</summary>
    internal EventLogWriter Start()
    {
        new Thread(_loop.Run) { IsBackground = true, Name = "event log writer" }.Start();
        return this;
    }

    /// <summary>One turn of the thread, answers included: for a test that stands for it.</summary>
    internal void Step() => _loop.Step();

    /// <summary>The end of the thread.</summary>
    internal void Close() => _loop.Close();
}

/// <summary>A log and what is kept of it.</summary>
/// <param name="LogId">Its id.</param>
/// <param name="FirstOffset">Retention has removed everything up to this offset.</param>
/// <param name="End">Its durable mark.</param>
/// <param name="IsClosed">Whether nothing is appended to it any more.</param>
public readonly record struct LogExtent(Guid LogId, long FirstOffset, long End, bool IsClosed);

/// <summary>Which idempotency keys are remembered: those of keyed records from a position on, in the order in which they became known.</summary>
/// <param name="Id">Whose positions these are: they compare only under the same id.</param>
/// <param name="From">Keys at or behind this position are remembered (0 while none was forgotten).</param>
/// <param name="Through">Position behind everything that is known so far.</param>
public readonly record struct KeyMemory(Guid Id, long From, long Through);
