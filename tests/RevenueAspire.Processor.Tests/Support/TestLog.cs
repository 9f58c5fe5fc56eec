using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using RevenueAspire.EventLog;
using RevenueAspire.EventLog.Storage;
using RevenueAspire.Events;

namespace RevenueAspire.Processor.Tests.Support;

/// <summary>A log with its real writer, within the test process.</summary>
internal sealed class TestLog : IAsyncDisposable
{
    private readonly FileLogStore _store;
    private readonly EventLogWriter _writer;
    private readonly AppendGroupBuilder _builder;

    public TestLog(string directory, EventTypes? types = null, long segmentBytes = 1 << 28)
    {
        Directory = directory;
        _store = FileLogStore.Open(new EventLogOptions { Directory = directory, SegmentBytes = segmentBytes }, TimeProvider.System, NullLoggerFactory.Instance);
        _writer = _store.StartWriter();
        _builder = new AppendGroupBuilder(types ?? EventTypes.Default, TimeProvider.System);
    }

    public string Directory { get; }

    public Guid LogId => _writer.LogId;

    public long Mark => _writer.DurableMark;

    /// <summary>Appends the valid lines of a file as one batch, and waits until they are durable.</summary>
    public async Task<Receipt> AppendAsync(byte[] lines, string? traceParent = null)
    {
        foreach (var line in Encoding.UTF8.GetString(lines).Split('\n'))
        {
            _builder.Add(Encoding.UTF8.GetBytes(line), out _);
        }

        var result = await _writer.AppendAsync(_builder.Build(traceParent: traceParent), CancellationToken.None);
        Assert.Equal(AppendStatus.Appended, result.Status);
        return result.Receipt;
    }

    /// <summary>Appends enough to seal segments of 64 KB.</summary>
    public async Task AppendManyAsync()
    {
        var random = new Random(3);
        for (var batch = 0; batch < 12; batch++)
        {
            await AppendAsync(EventFile.Random(random, 250, 300).Bytes);
        }
    }

    /// <summary>Runs retention: removes applied segments that are not in use; returns the number of removed bytes.</summary>
    public long RemoveApplied(long appliedThrough) => _store.Retention.RemoveApplied(appliedThrough, retainBytes: 0);

    public ValueTask DisposeAsync() => _writer.DisposeAsync();
}
