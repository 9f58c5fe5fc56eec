using RevenueAspire.EventLog.Tests.Contract;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Tests;

/// <summary>The file store on the real disk.</summary>
internal sealed class FileLogFixture : LogFixture
{
    private readonly TempDirectory _directory = new();
    private readonly GatedFileSystem _files = new();
    private EventLogWriter? _log;

    public override Task<EventLogWriter> OpenAsync(Action<EventLogOptions>? change = null)
    {
        _log = TestLog.Open(TestLog.Options(_directory.Path, change), files: _files);
        return Task.FromResult<EventLogWriter>(_log);
    }

    public override LogView OpenReader(Guid logId)
    {
        var reader = EventLogReader.Open(_directory.Path);
        Assert.Equal(logId, reader.LogId);
        return new View(reader);
    }

    public override Task<IAsyncDisposable> HoldAsync()
    {
        _files.Holds = true;
        return Until(() => _files.Holds = false);
    }

    public override Task<IAsyncDisposable> RefuseAsync()
    {
        _files.Refuses = true;
        return Until(() => _files.Refuses = false);
    }

    public override Task ForgetKeysAsync(int window) => Task.CompletedTask;

    public override Task RemoveAppliedAsync(EventLogWriter log, long applied, long retainBytes)
    {
        log.Files().Retention.RemoveApplied(applied, retainBytes);
        return Task.CompletedTask;
    }

    public override async ValueTask DisposeAsync()
    {
        _files.Holds = _files.Refuses = false;
        if (_log is not null)
        {
            await _log.DisposeAsync();
        }

        _directory.Dispose();
    }

    private static Task<IAsyncDisposable> Until(Action undo) => Task.FromResult<IAsyncDisposable>(new Undo(() =>
    {
        undo();
        return default;
    }));

    private sealed class View(EventLogReader reader) : LogView
    {
        public override long FirstOffset => reader.FirstOffset;

        public override long ReadDurableMark() => reader.ReadDurableMark();

        public override LogRead Read(long offset, Span<byte> destination) => reader.Read(offset, destination);

        public override void Dispose() => reader.Dispose();
    }
}
