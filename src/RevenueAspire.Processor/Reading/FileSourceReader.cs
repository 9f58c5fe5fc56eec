using Microsoft.Win32.SafeHandles;
using RevenueAspire.CommandLine;
using RevenueAspire.EventLog;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Reading;

/// <summary>A file, read up to the length that was fixed when processing began (rule M10), whatever is appended meanwhile.</summary>
internal sealed class FileSourceReader : ISourceReader
{
    private readonly SafeFileHandle _file;
    private readonly long _length;
    private readonly bool _owner;

    private FileSourceReader(string path, string place, SafeFileHandle file, long length, int maxLineBytes, IReadOnlyList<long> lineEnds, bool owner)
    {
        LineEnds = lineEnds;
        Name = path;
        Place = place;
        _file = file;
        _length = length;
        MaxLineBytes = maxLineBytes;
        _owner = owner;
    }

    /// <summary>Opens a file and fixes its length.</summary>
    /// <exception cref="UserErrorException">Missing, a directory, unreadable, or not a regular file.</exception>
    public static FileSourceReader Open(string path, int maxLineBytes)
    {
        if (IsSpecial(path))
        {
            throw NotRegular(path);
        }

        try
        {
            var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, FileOptions.SequentialScan);
            try
            {
                return new FileSourceReader(
                    Path.GetFullPath(path), FilePlace.Find(file, path), file, RandomAccess.GetLength(file), maxLineBytes, [], owner: true);
            }
            catch (NotSupportedException)
            {
                file.Dispose();
                throw NotRegular(path);
            }
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new UserErrorException($"{path}: no such file", exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new UserErrorException($"{path}: cannot be read: {exception.Message}", exception);
        }
    }

    /// <summary>Content that was copied to a file without a name, whose bytes are what counts (rule M10).</summary>
    /// <param name="name">Full path of the file that held it in another form, or <see cref="SourceRegistry.NoPath"/>.</param>
    /// <param name="place">As <see cref="Place"/>.</param>
    /// <param name="spool">Taken over.</param>
    /// <param name="maxLineBytes">Longest line.</param>
    public static FileSourceReader FromSpool(string name, string place, SafeFileHandle spool, int maxLineBytes) =>
        new(name, place, spool, RandomAccess.GetLength(spool), maxLineBytes, [], owner: true);

    /// <summary>Whether it is neither file nor directory: opening a pipe would wait for its writer. Where the system does not tell, opening it
    /// decides.</summary>
    private static bool IsSpecial(string path)
    {
        try
        {
            return OperatingSystem.IsLinux() && FileStatus.Find(path) is { IsDirectory: false, IsRegularFile: false };
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static UserErrorException NotRegular(string path) =>
        new($"{path}: not a regular file; a file is known by its content, so write a pipe's output to a file, or to standard input and name it -");

    /// <summary>The same file, ending earlier, with the lengths at which its content is known. Shares the open file: dispose of the original only.</summary>
    public FileSourceReader EndingAt(long length, IReadOnlyList<long> lineEnds) =>
        new(Name, Place, _file, Math.Min(length, _length), MaxLineBytes, lineEnds, owner: false);

    /// <summary>The same file with the lengths at which its content is known; takes the open file over.</summary>
    public FileSourceReader WithLineEnds(IReadOnlyList<long> lineEnds) => new(Name, Place, _file, _length, MaxLineBytes, lineEnds, _owner);

    /// <summary>Whether the bytes are those of a packed file (gzip, zstd), which counts as its content.</summary>
    public bool IsPacked => SpoolFile.IsPacked(_file);

    /// <summary>Refuses bytes that are no lines of JSON in UTF-8.</summary>
    /// <exception cref="UserErrorException">One line that names the format.</exception>
    public void RefuseOtherFormats() => InputFormat.Refuse(_file, Name);

    /// <inheritdoc/>
    public SourceKind Kind => SourceKind.File;

    /// <inheritdoc/>
    public string Name { get; }

    /// <summary>Where the file can be found again: its full path without links, or <see cref="SourceRegistry.NoPath"/>. This is what the ledger
    /// keeps.</summary>
    public string Place { get; }

    /// <inheritdoc/>
    public int MaxLineBytes { get; }

    /// <inheritdoc/>
    public IReadOnlyList<long> LineEnds { get; }

    /// <inheritdoc/>
    public long FirstOffset => 0;

    /// <inheritdoc/>
    public ISourceReader Whole => new FileSourceReader(Name, Place, _file, RandomAccess.GetLength(_file), MaxLineBytes, LineEnds, owner: false);

    /// <inheritdoc/>
    public long ReadEnd() => _length;

    /// <inheritdoc/>
    public LogRead Read(long offset, Span<byte> destination)
    {
        var wanted = (int)Math.Min(destination.Length, _length - offset);
        var count = wanted > 0 ? RandomAccess.Read(_file, destination[..wanted], offset) : 0;
        return count > 0
            ? new LogRead(count, 0, null)
            : throw new SourceStoppedException(
                $"{Name}: ends at byte {RandomAccess.GetLength(_file)}, but had {_length} bytes when its processing began; it was "
                + "cut, so nothing more of it is counted");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_owner)
        {
            _file.Dispose();
        }
    }
}
