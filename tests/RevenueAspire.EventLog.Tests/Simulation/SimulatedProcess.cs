using RevenueAspire.EventLog.Storage;

namespace RevenueAspire.EventLog.Tests.Simulation;

/// <summary>The file system as one process sees it until it ends.</summary>
internal sealed class SimulatedProcess(SimulatedDisk disk) : IFileSystem
{
    private readonly HashSet<SimulatedFile> _locks = [];

    public bool IsDead { get; set; }

    public void Check()
    {
        if (IsDead)
        {
            throw new PowerCutException();
        }
    }

    public void CreateDirectory(string directory) => Check();

    public IFileHandle Lock(string path)
    {
        Check();
        if (!disk.Entries.TryGetValue(path, out var file))
        {
            disk.Entries[path] = file = new SimulatedFile();
        }

        return _locks.Add(file) ? new Unlock(disk, _locks, path, file) : throw new LockHeldException(new IOException("held by another writer"));
    }

    /// <summary>Always succeeds: no other process runs on the machine, and no test pins a simulated log.</summary>
    public IDisposable? TryLock(string path, bool shared)
    {
        Check();
        return new MemoryStream();
    }

    public bool FileExists(string path)
    {
        Check();
        return disk.Entries.ContainsKey(path);
    }

    public bool DirectoryExists(string directory) => true;

    public IReadOnlyList<string> List(string directory)
    {
        Check();
        return [.. disk.Entries.Keys.Select(path => Path.GetFileName(path))];
    }

    public ILogFile Open(string path, OpenKind kind)
    {
        Check();
        if (kind == OpenKind.CreateNew)
        {
            if (disk.Entries.ContainsKey(path))
            {
                throw new IOException($"{path} exists");
            }

            var file = new SimulatedFile();
            disk.Run(this, DiskOperation.Create, path, () => disk.ChangeEntries(entries => entries[path] = file));
        }

        return disk.Entries.TryGetValue(path, out var opened) ? new Handle(disk, this, path, opened) : throw new FileNotFoundException(path);
    }

    public void Rename(string from, string to) =>
        disk.Run(this, DiskOperation.Rename, to, () =>
        {
            // The rename refers to this file: it must move it even if a power cut undoes an earlier change of the name.
            if (disk.Entries.GetValueOrDefault(from) is { } file)
            {
                disk.ChangeEntries(entries =>
                {
                    if (entries.GetValueOrDefault(from) == file)
                    {
                        entries.Remove(from);
                    }

                    entries[to] = file;
                });
            }
        });

    public void Delete(string path) => disk.Run(this, DiskOperation.Delete, path, () => disk.ChangeEntries(entries => entries.Remove(path)));

    public void FlushDirectory(string directory) =>
        disk.Run(this, DiskOperation.FlushDirectory, directory, () => disk.FlushEntries(losing: false), () => disk.FlushEntries(losing: true));

    private sealed class Unlock(SimulatedDisk disk, HashSet<SimulatedFile> locks, string path, SimulatedFile file) : IFileHandle
    {
        public bool IsAtItsPath() => disk.IsAt(path, file);

        public void Dispose() => locks.Remove(file);
    }

    private sealed class Handle(SimulatedDisk disk, SimulatedProcess process, string path, SimulatedFile file) : ILogFile
    {
        private bool _closed;

        public long Length
        {
            get
            {
                Check();
                return file.Length;
            }
        }

        public int Read(Span<byte> destination, long offset)
        {
            Check();
            return file.Read(destination, offset);
        }

        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            Check();
            var copy = bytes.ToArray();
            disk.Run(process, DiskOperation.Write, path, () => file.Write(copy, offset),
                () => file.Write(copy.AsSpan(0, disk.Random.Next(copy.Length + 1)), offset));
        }

        public void StartWriteOut(long offset, long length)
        {
            Check();
            disk.Run(process, DiskOperation.StartWriteOut, path, () => { });
        }

        public void Truncate(long length)
        {
            Check();
            disk.Run(process, DiskOperation.Truncate, path, () => file.Truncate(length));
        }

        public void Flush()
        {
            Check();
            disk.Run(process, DiskOperation.Flush, path, file.Flush, () => file.FlushLosing(disk.Random));
        }

        public bool IsAtItsPath()
        {
            Check();
            return disk.IsAt(path, file);
        }

        public void Dispose() => _closed = true;

        private void Check()
        {
            process.Check();
            ObjectDisposedException.ThrowIf(_closed, this);
        }
    }
}
