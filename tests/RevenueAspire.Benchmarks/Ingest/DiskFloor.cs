using System.Diagnostics;
using RevenueAspire.Testing;

namespace RevenueAspire.Benchmarks.Ingest;

/// <summary>What the disk alone needs for the bytes that batches become in the log: appended to one file, an fsync a batch, and nothing else.</summary>
internal sealed class DiskFloor : IDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly FileStream _file;

    public DiskFloor() => _file = new FileStream(_directory.File("floor"), FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0);

    /// <summary>Seconds for the batches.</summary>
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
