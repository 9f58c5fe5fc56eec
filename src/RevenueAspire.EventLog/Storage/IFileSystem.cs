namespace RevenueAspire.EventLog.Storage;

internal enum OpenKind
{
    /// <summary>An existing file, for reading.</summary>
    Read,

    /// <summary>An existing file, for reading and writing.</summary>
    Write,

    /// <summary>A new file, for reading and writing; fails if it exists.</summary>
    CreateNew,
}

/// <summary>All file system operations of the log. Tests replace it to simulate power cuts and disk errors at each step. Paths are full paths. Every failure is
/// an <see cref="IOException"/> or <see cref="UnauthorizedAccessException"/>.</summary>
internal interface IFileSystem
{
    /// <summary>Creates the folder and its parents, durably.</summary>
    void CreateDirectory(string directory);

    /// <summary>Locks a file exclusively until disposed; creates it if missing.</summary>
    /// <exception cref="LockHeldException">Another handle holds it.</exception>
    IFileHandle Lock(string path);

    /// <summary>Locks an existing file until disposed, shared or exclusively. Null while a conflicting lock is held.</summary>
    IDisposable? TryLock(string path, bool shared);

    bool FileExists(string path);

    bool DirectoryExists(string directory);

    /// <summary>Names (without folder) of the files directly in a folder, in any order.</summary>
    IReadOnlyList<string> List(string directory);

    ILogFile Open(string path, OpenKind kind);

    /// <summary>Renames a file, replacing an existing one; durable after <see cref="FlushDirectory"/>.</summary>
    void Rename(string from, string to);

    /// <summary>Deletes a file; durable after <see cref="FlushDirectory"/>.</summary>
    void Delete(string path);

    /// <summary>Makes creations, renames and deletions in a folder durable.</summary>
    void FlushDirectory(string directory);
}

/// <summary>An open file.</summary>
internal interface IFileHandle : IDisposable
{
    /// <summary>Whether the path still leads to this file. False after the file or a parent folder was deleted, moved or replaced; later writes would then be
    /// lost.</summary>
    bool IsAtItsPath();
}

/// <summary>An open file of the log. Any number of reads may run concurrently with one writer.</summary>
internal interface ILogFile : IFileHandle
{
    long Length { get; }

    /// <summary>Reads at an offset. Returns fewer bytes than requested only at the end of the file.</summary>
    int Read(Span<byte> destination, long offset);

    /// <summary>Writes all bytes at an offset. If it throws, some bytes may have been written.</summary>
    void Write(ReadOnlySpan<byte> bytes, long offset);

    /// <summary>Starts writing a range to disk, so that a later <see cref="Flush"/> waits less. Guarantees nothing; an error counts as a failed
    /// write.</summary>
    void StartWriteOut(long offset, long length)
    {
    }

    void Truncate(long length);

    /// <summary>Makes contents and length durable. Never retry a failed flush: the operating system may then show bytes that are not on disk.</summary>
    void Flush();
}

/// <summary>Another handle, in this process or another, holds the file.</summary>
internal sealed class LockHeldException(Exception cause) : IOException(cause.Message, cause);
