namespace RevenueAspire.EventLog.Tests.Contract;

/// <summary>Where one test keeps its log, with one engine: opens it, reads it, holds it up, has it refused and tidies it.</summary>
internal abstract class LogFixture : IAsyncDisposable
{
    /// <summary>Opens a log as a process of the API does, and waits until it accepts. The one before must be disposed of. The stand disposes of what is still open.</summary>
    public abstract Task<EventLogWriter> OpenAsync(Action<EventLogOptions>? change = null);

    /// <summary>Opens a log to read it, beside its writer.</summary>
    public abstract LogView OpenReader(Guid logId);

    /// <summary>Until disposed, no commit of the open log gets through; each waits.</summary>
    public abstract Task<IAsyncDisposable> HoldAsync();

    /// <summary>Until disposed, the medium refuses what is to be appended.</summary>
    public abstract Task<IAsyncDisposable> RefuseAsync();

    /// <summary>Forgets what keys are outside of the window that the log was opened with, where the log does not do it by itself.</summary>
    public abstract Task ForgetKeysAsync(int window);

    /// <summary>Removes what the ledger has, as the API does it (rule L10).</summary>
    public abstract Task RemoveAppliedAsync(EventLogWriter log, long applied, long retainBytes);

    public abstract ValueTask DisposeAsync();

    /// <summary>Everything that a log still has, and is durable.</summary>
    public string ReadAll(Guid logId, int step = 1 << 20)
    {
        using var reader = OpenReader(logId);
        return reader.ReadAll(step);
    }

    /// <summary>Calls something when disposed.</summary>
    protected sealed class Undo(Func<ValueTask> undo) : IAsyncDisposable
    {
        private Func<ValueTask>? _undo = undo;

        public ValueTask DisposeAsync() => Interlocked.Exchange(ref _undo, null)?.Invoke() ?? default;
    }
}
