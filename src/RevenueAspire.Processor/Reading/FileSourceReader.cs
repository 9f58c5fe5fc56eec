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
    private readonly Lock _lock = new();
    private readonly FileBlocks? _blocks;
    private readonly FileDigest? _digest;
    private byte[] _block = [];
    private (long Start, int Length) _held = (-1, 0);

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

    /// <summary>Content that was copied to a file without a name. Its bytes are counted (rule M10).</summary>
    /// <param name="name">Full path of the file that held it in another form, or <see cref="SourceRegistry.NoPath"/>.</param>
    /// <param name="place">As <see cref="Place"/>.</param>
    /// <param name="spool">Taken over.</param>
    /// <param name="maxLineBytes">Longest line.</param>
    public static FileSourceReader FromSpool(string name, string place, SafeFileHandle spool, int maxLineBytes) =>
        new(name, place, spool, RandomAccess.GetLength(spool), maxLineBytes, [], owner: true);

    /// <summary>Whether it is neither file nor directory: opening a pipe would wait for its writer. Where the system does not report it, opening it
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

    private FileSourceReader(FileSourceReader file, FileDigest digest, FileBlocks blocks, IReadOnlyList<long> lineEnds)
        : this(file.Name, file.Place, file._file, digest.Length, file.MaxLineBytes, lineEnds, owner: false) =>
        (_digest, _blocks) = (digest, blocks);

    /// <summary>The same file, ending earlier. Shares the open file: dispose of the original only.</summary>
    public FileSourceReader EndingAt(long length) => new(Name, Place, _file, Math.Min(length, _length), MaxLineBytes, [], owner: false);

    /// <summary>The content that was hashed, with the lengths at which it is known: reading other bytes throws. Shares the open file as
    /// <see cref="EndingAt"/> does.</summary>
    public FileSourceReader Hashed(FileDigest digest, FileBlocks blocks, IReadOnlyList<long> lineEnds) => new(this, digest, blocks, lineEnds);

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

    /// <summary>Where the file can be found again: its full path without links, or <see cref="SourceRegistry.NoPath"/>. The ledger
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
    public ReadOnlyMemory<byte> FindHash(long from, long to) => _digest is { } digest && from == 0 && to == digest.Length ? digest.Sha256 : default;

    /// <inheritdoc/>
    public LogRead Read(long offset, Span<byte> destination) =>
        _blocks is null || offset >= _length ? ReadUnchecked(offset, destination) : ReadChecked(_blocks, offset, destination);

    private LogRead ReadChecked(FileBlocks blocks, long offset, Span<byte> destination)
    {
        lock (_lock)
        {
            var copied = 0;
            while (copied < destination.Length && offset < _length)
            {
                var start = offset - (offset % FileBlocks.BlockBytes);
                if (_held.Start != start)
                {
                    ReadBlock(blocks, start);
                }

                var bytes = _block.AsSpan((int)(offset - start), _held.Length - (int)(offset - start));
                var count = Math.Min(bytes.Length, destination.Length - copied);
                bytes[..count].CopyTo(destination[copied..]);
                copied += count;
                offset += count;
            }

            return new LogRead(copied, 0, null);
        }
    }

    private void ReadBlock(FileBlocks blocks, long start)
    {
        if (_block.Length == 0)
        {
            _block = GC.AllocateUninitializedArray<byte>((int)Math.Min(FileBlocks.BlockBytes, _length));
        }

        _held = (-1, 0);
        var length = (int)(FileBlocks.EndAfter(start, _length) - start);
        for (var filled = 0; filled < length;)
        {
            filled += ReadUnchecked(start + filled, _block.AsSpan(filled, length - filled)).Count;
        }

        _held = blocks.IsUnchanged(start, _block.AsSpan(0, length))
            ? (start, length)
            : throw new SourceStoppedException(
                $"{Name}: CHANGED between hashing and counting, near byte {start}. Only bytes that it is known by were counted. Put the original back and "
                + "process it again; never change a file in place, append to it");
    }

    private LogRead ReadUnchecked(long offset, Span<byte> destination)
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
