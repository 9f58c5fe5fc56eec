namespace RevenueAspire.EventLog.Storage;

internal enum OpenKind
{
    /// <summary>An existing file, for reading.</summary>
    Read,

    /// <summary>An existing file, for reading and writing.</summary>
    Write,

    /// <summary>A new file, for reading and writing; an existing one is an error.</summary>
    CreateNew,
}

/// <summary>The seam between the log and the disk: everything the log asks of a file system, so that tests can cut the power and break the disk at each step.
/// Paths are full paths. Every failure is an <see cref="IOException"/> or <see cref="UnauthorizedAccessException"/>.</summary>
internal interface IFileSystem
{
    /// <summary>Makes the folder and those above it, durably.</summary>
    void CreateDirectory(string directory);

    /// <summary>Holds a file for this process alone until disposed; made when missing.</summary>
    /// <exception cref="LockHeldException">Somebody else holds it.</exception>
    IFileHandle Lock(string path);

    /// <summary>Locks an existing file until disposed: together with others who share it, or alone. Null while others hold it otherwise.</summary>
    IDisposable? TryLock(string path, bool shared);

    bool FileExists(string path);

    bool DirectoryExists(string directory);

    /// <summary>Names (without folder) of the files directly in a folder, in any order.</summary>
    IReadOnlyList<string> List(string directory);

    ILogFile Open(string path, OpenKind kind);

    /// <summary>Renames over an existing file; durable after <see cref="FlushDirectory"/>.</summary>
    void Rename(string from, string to);

    /// <summary>Deletes a file; durable after <see cref="FlushDirectory"/>.</summary>
    void Delete(string path);

    /// <summary>Makes creations, renames and deletions in a folder durable.</summary>
    void FlushDirectory(string directory);
}

/// <summary>A file that is held open.</summary>
internal interface IFileHandle : IDisposable
{
    /// <summary>Whether the path it was opened at still leads to this file: false once it, or a folder above it, was deleted, moved away
    /// or replaced. What is written then is lost.</summary>
    bool IsAtItsPath();
}

/// <summary>An open file. Reads may run beside one another and beside one writer.</summary>
internal interface ILogFile : IFileHandle
{
    long Length { get; }

    /// <summary>Reads at an offset; fewer bytes than asked for only at the end of the file.</summary>
    int Read(Span<byte> destination, long offset);

    /// <summary>Writes all bytes at an offset, or throws (some may have been written then).</summary>
    void Write(ReadOnlySpan<byte> bytes, long offset);

    /// <summary>Asks the system to begin writing a part out, so that a later <see cref="Flush"/> waits for less. Promises nothing;
    /// an error counts as one of the write.</summary>
    void StartWriteOut(long offset, long length)
    {
    }

    void Truncate(long length);

    /// <summary>Makes contents and length durable. After a failure the operating system may show bytes that the disk does not
    /// have: never just call it again.</summary>
    void Flush();
}

/// <summary>A file is held by another handle, of this process or another.</summary>
internal sealed class LockHeldException(Exception cause) : IOException(cause.Message, cause);
