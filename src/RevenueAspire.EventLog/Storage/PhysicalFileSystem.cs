using Microsoft.Win32.SafeHandles;

namespace RevenueAspire.EventLog.Storage;

/// <summary>The real disk. Stateless and thread-safe.</summary>
internal sealed class PhysicalFileSystem : IFileSystem
{
    // Error codes of a held file: ERROR_SHARING_VIOLATION as HRESULT on Windows, EWOULDBLOCK elsewhere.
    private const int SharingViolation = unchecked((int)0x80070020);
    private const int LinuxWouldBlock = 11;
    private const int MacWouldBlock = 35;

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
            // Without this flush, a power cut could remove the folder together with the log in it.
            FlushDirectory(parent);
        }
    }

    public IFileHandle Lock(string path)
    {
        try
        {
            var file = new PhysicalFile(path, File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));

            // This first call caches the file's identity, so that later calls are thread-safe.
            file.IsAtItsPath();
            return file;
        }
        catch (IOException e) when (e.HResult is SharingViolation or LinuxWouldBlock or MacWouldBlock)
        {
            throw new LockHeldException(e);
        }
    }

    public IDisposable? TryLock(string path, bool shared)
    {
        try
        {
            return shared
                ? File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read)
                : File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (IsHeldByOthers(e))
        {
            return null;
        }
    }

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

    /// <summary>Whether the error is EWOULDBLOCK (a different number on each system), or Windows' sharing violation.</summary>
    private static bool IsHeldByOthers(IOException exception)
    {
        const int WindowsSharingViolation = unchecked((int)0x80070020);
        return exception.HResult == (OperatingSystem.IsWindows() ? WindowsSharingViolation : OperatingSystem.IsLinux() ? 11 : 35);
    }

    private sealed class PhysicalFile : ILogFile
    {
        private readonly string _path;
        private readonly SafeFileHandle _handle;

        private (ulong Device, ulong Number)? _identity;

        public PhysicalFile(string path, SafeFileHandle handle)
        {
            _path = path;
            _handle = handle;
        }

        public PhysicalFile(string path, OpenKind kind)
            : this(path, File.OpenHandle(
                path,
                kind == OpenKind.CreateNew ? FileMode.CreateNew : FileMode.Open,
                kind == OpenKind.Read ? FileAccess.Read : FileAccess.ReadWrite,
                FileShare.ReadWrite | FileShare.Delete))
        {
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

        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            try
            {
                RandomAccess.Write(_handle, bytes, offset);
            }
            catch (ArgumentOutOfRangeException tooLarge)
            {
                throw TooLarge(tooLarge);
            }
        }

        public void StartWriteOut(long offset, long length)
        {
            if (OperatingSystem.IsLinux())
            {
                UnixSync.StartWriteOut(_handle, _path, offset, length);
            }
        }

        public void Truncate(long length)
        {
            try
            {
                RandomAccess.SetLength(_handle, length);
            }
            catch (ArgumentOutOfRangeException tooLarge)
            {
                throw TooLarge(tooLarge);
            }
        }

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

        public bool IsAtItsPath()
        {
            // Windows refuses to move or delete a folder that contains an open file without FileShare.Delete, such as the lock file.
            return OperatingSystem.IsWindows()
                ? File.Exists(_path) : FileStatus.Find(_path)?.Identity == (_identity ??= FileStatus.Of(_handle, _path).Identity);
        }

        public void Dispose() => _handle.Dispose();

        /// <summary>.NET reports EFBIG as an argument error. Treat a file size limit like a full disk: the write is undone, not in doubt.</summary>
        private IOException TooLarge(ArgumentOutOfRangeException cause) => new($"{_path}: the file would exceed the system's size limit", cause);
    }
}
