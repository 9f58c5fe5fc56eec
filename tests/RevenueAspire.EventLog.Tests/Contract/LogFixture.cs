namespace RevenueAspire.EventLog.Tests.Contract;

/// <summary>The log of one test in one store. Opens, reads, blocks, refuses and prunes it.</summary>
internal abstract class LogFixture : IAsyncDisposable
{
    /// <summary>Opens a log as an API process does, and waits until it accepts appends. The previous log must be disposed. The fixture disposes the last
    /// one.</summary>
    public abstract Task<EventLogWriter> OpenAsync(Action<EventLogOptions>? change = null);

    /// <summary>Opens a log for reading while its writer runs.</summary>
    public abstract LogView OpenReader(Guid logId);

    /// <summary>Blocks all commits of the open log until disposed.</summary>
    public abstract Task<IAsyncDisposable> HoldAsync();

    /// <summary>Makes the medium refuse all appends until disposed.</summary>
    public abstract Task<IAsyncDisposable> RefuseAsync();

    /// <summary>Forgets the keys outside the given window, if the store does not do this with each append.</summary>
    public abstract Task ForgetKeysAsync(int window);

    /// <summary>Removes applied bytes as the API does (rule L10).</summary>
    public abstract Task RemoveAppliedAsync(EventLogWriter log, long applied, long retainBytes);

    public abstract ValueTask DisposeAsync();

    /// <summary>All durable bytes that the log still has.</summary>
    public string ReadAll(Guid logId, int step = 1 << 20)
    {
        using var reader = OpenReader(logId);
        return reader.ReadAll(step);
    }

    /// <summary>Runs an action when disposed.</summary>
    protected sealed class Undo(Func<ValueTask> undo) : IAsyncDisposable
    {
        private Func<ValueTask>? _undo = undo;

        public ValueTask DisposeAsync() => Interlocked.Exchange(ref _undo, null)?.Invoke() ?? default;
    }
}
