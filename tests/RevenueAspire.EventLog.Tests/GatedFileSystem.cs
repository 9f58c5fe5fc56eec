using RevenueAspire.EventLog.Storage;

namespace RevenueAspire.EventLog.Tests;

/// <summary>The real disk, which can block or refuse writes to segments.</summary>
internal sealed class GatedFileSystem : IFileSystem
{
    private readonly object _gate = new();
    private bool _holds;
    private volatile bool _refuses;

    /// <summary>Whether writes are blocked.</summary>
    public bool Holds
    {
        set
        {
            lock (_gate)
            {
                _holds = value;
                Monitor.PulseAll(_gate);
            }
        }
    }

    /// <summary>Whether writes fail.</summary>
    public bool Refuses
    {
        set => _refuses = value;
    }

    public void CreateDirectory(string directory) => PhysicalFileSystem.Instance.CreateDirectory(directory);

    public IFileHandle Lock(string path) => PhysicalFileSystem.Instance.Lock(path);

    public IDisposable? TryLock(string path, bool shared) => PhysicalFileSystem.Instance.TryLock(path, shared);

    public bool FileExists(string path) => PhysicalFileSystem.Instance.FileExists(path);

    public bool DirectoryExists(string directory) => PhysicalFileSystem.Instance.DirectoryExists(directory);

    public IReadOnlyList<string> List(string directory) => PhysicalFileSystem.Instance.List(directory);

    public ILogFile Open(string path, OpenKind kind)
    {
        var file = PhysicalFileSystem.Instance.Open(path, kind);
        return kind != OpenKind.Read && path.EndsWith(".jsonl", StringComparison.Ordinal) ? new GatedFile(this, file) : file;
    }

    public void Rename(string from, string to) => PhysicalFileSystem.Instance.Rename(from, to);

    public void Delete(string path) => PhysicalFileSystem.Instance.Delete(path);

    public void FlushDirectory(string directory) => PhysicalFileSystem.Instance.FlushDirectory(directory);

    private void Wait()
    {
        lock (_gate)
        {
            while (_holds)
            {
                Monitor.Wait(_gate);
            }
        }
    }

    private sealed class GatedFile(GatedFileSystem files, ILogFile file) : ILogFile
    {
        public long Length => file.Length;

        public int Read(Span<byte> destination, long offset) => file.Read(destination, offset);

        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            files.Wait();
            if (files._refuses)
            {
                throw new IOException("refused by the test");
            }

            file.Write(bytes, offset);
        }

        public void StartWriteOut(long offset, long length) => file.StartWriteOut(offset, length);

        public void Truncate(long length) => file.Truncate(length);

        public void Flush() => file.Flush();

        public bool IsAtItsPath() => file.IsAtItsPath();

        public void Dispose() => file.Dispose();
    }
}
