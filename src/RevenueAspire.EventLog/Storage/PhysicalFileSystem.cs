using Microsoft.Win32.SafeHandles;

namespace RevenueAspire.EventLog.Storage;

/// <summary>The real disk. Stateless and thread-safe.</summary>
internal sealed class PhysicalFileSystem : IFileSystem
{
    public static PhysicalFileSystem Instance { get; } = new();

    public void CreateDirectory(string directory)
    {
        if (Directory.Exists(directory))
        {
            return;
        }

        var parent = Path.GetDirectoryName(directory);
        if (!string.IsNullOrEmpty(parent))
        {
            CreateDirectory(parent);
        }

        Directory.CreateDirectory(directory);
        if (!string.IsNullOrEmpty(parent))
        {
            // A log whose folder is gone after a power cut is gone as a whole.
            FlushDirectory(parent);
        }
    }

    public IDisposable Lock(string path) => File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);

    public bool FileExists(string path) => File.Exists(path);

    public bool DirectoryExists(string directory) => Directory.Exists(directory);

    public IReadOnlyList<string> List(string directory) => [.. Directory.EnumerateFiles(directory).Select(path => Path.GetFileName(path))];

    public ILogFile Open(string path, OpenKind kind) => new PhysicalFile(path, kind);

    public void Rename(string from, string to) => File.Move(from, to, overwrite: true);

    public void Delete(string path) => File.Delete(path);

    public void FlushDirectory(string directory)
    {
        // Windows has no such call; NTFS journals its directories.
        if (!OperatingSystem.IsWindows())
        {
            UnixSync.FlushDirectory(directory);
        }
    }

    private sealed class PhysicalFile : ILogFile
    {
        private readonly string _path;
        private readonly SafeFileHandle _handle;

        public PhysicalFile(string path, OpenKind kind)
        {
            _path = path;
            _handle = File.OpenHandle(
                path,
                kind == OpenKind.CreateNew ? FileMode.CreateNew : FileMode.Open,
                kind == OpenKind.Read ? FileAccess.Read : FileAccess.ReadWrite,
                FileShare.ReadWrite | FileShare.Delete);
        }

        public long Length => RandomAccess.GetLength(_handle);

        public int Read(Span<byte> destination, long offset)
        {
            var total = 0;
            while (total < destination.Length)
            {
                var count = RandomAccess.Read(_handle, destination[total..], offset + total);
                if (count == 0)
                {
                    break;
                }

                total += count;
            }

            return total;
        }

        public void Write(ReadOnlySpan<byte> bytes, long offset) => RandomAccess.Write(_handle, bytes, offset);

        public void Truncate(long length) => RandomAccess.SetLength(_handle, length);

        public void Flush()
        {
            if (OperatingSystem.IsWindows())
            {
                RandomAccess.FlushToDisk(_handle);
            }
            else
            {
                UnixSync.FlushFile(_handle, _path);
            }
        }

        public void Dispose() => _handle.Dispose();
    }
}
