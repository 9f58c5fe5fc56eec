using System.Diagnostics;
using RevenueAspire.Testing;

namespace RevenueAspire.Benchmarks.Ingest;

/// <summary>The disk's own time for the log bytes of the batches: appends to one file, with one fsync per batch, and nothing else.</summary>
internal sealed class DiskFloor : IDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly FileStream _file;

    public DiskFloor() => _file = new FileStream(_directory.File("floor"), FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0);

    /// <summary>Appends the batches; returns the time in seconds.</summary>
    public double Append(IEnumerable<(byte[] Body, int Lines)> bodies)
    {
        var groups = bodies.Select(body => new byte[body.Body.Length]).ToList();
        groups.ForEach(group => Array.Fill(group, (byte)'x'));
        var started = Stopwatch.GetTimestamp();
        foreach (var group in groups)
        {
            _file.Write(group);
            _file.Flush(flushToDisk: true);
        }

        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    public void Dispose()
    {
        _file.Dispose();
        _directory.Dispose();
    }
}
