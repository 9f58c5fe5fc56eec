using Microsoft.Win32.SafeHandles;
using RevenueAspire.CommandLine;
using RevenueAspire.EventLog;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Reading;

/// <summary>A file, read up to the length that was fixed when processing started (rule M10). Later appends are ignored.</summary>
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
    /// <exception cref="UserErrorException">The path is missing, a directory, unreadable, or not a regular file.</exception>
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

    /// <summary>Reads content that was copied to an unnamed file. The copied bytes are counted (rule M10).</summary>
    /// <param name="name">Full path of the original file, or <see cref="SourceRegistry.NoPath"/>.</param>
    /// <param name="place">As <see cref="Place"/>.</param>
    /// <param name="spool">The unnamed file; the reader disposes of it.</param>
    /// <param name="maxLineBytes">Maximum line length in bytes.</param>
    public static FileSourceReader FromSpool(string name, string place, SafeFileHandle spool, int maxLineBytes) =>
        new(name, place, spool, RandomAccess.GetLength(spool), maxLineBytes, [], owner: true);

    /// <summary>Whether the path is neither a file nor a directory: opening a pipe would wait for its writer. If the system does not report the kind, the open
    /// call decides.</summary>
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
        new($"{path}: not a regular file. Write a pipe's output to a file, or send it to standard input and give - as the path");

    private FileSourceReader(FileSourceReader file, FileDigest digest, FileBlocks blocks, IReadOnlyList<long> lineEnds)
        : this(file.Name, file.Place, file._file, digest.Length, file.MaxLineBytes, lineEnds, owner: false) =>
        (_digest, _blocks) = (digest, blocks);

    /// <summary>Returns a reader of the same file with an earlier end. It shares the open file: dispose only the original.</summary>
    public FileSourceReader EndingAt(long length) => new(Name, Place, _file, Math.Min(length, _length), MaxLineBytes, [], owner: false);

    /// <summary>Returns a reader of the hashed content with its known lengths. Reading changed bytes throws. It shares the open file, as <see cref="EndingAt"/>
    /// does.</summary>
    public FileSourceReader Hashed(FileDigest digest, FileBlocks blocks, IReadOnlyList<long> lineEnds) => new(this, digest, blocks, lineEnds);

    /// <summary>Returns a reader of the same file with its known lengths. The new reader owns the open file.</summary>
    public FileSourceReader WithLineEnds(IReadOnlyList<long> lineEnds) => new(Name, Place, _file, _length, MaxLineBytes, lineEnds, _owner);

    /// <summary>Whether the file is compressed (gzip, zstd). Such a file counts as its uncompressed content.</summary>
    public bool IsPacked => SpoolFile.IsPacked(_file);

    /// <summary>Refuses a file that does not contain lines of JSON in UTF-8.</summary>
    /// <exception cref="UserErrorException">The file has another format; the message names it in one line.</exception>
    public void RefuseOtherFormats() => InputFormat.Refuse(_file, Name);

    /// <inheritdoc/>
    public SourceKind Kind => SourceKind.File;

    /// <inheritdoc/>
    public string Name { get; }

    /// <summary>The path where the file can be found again, without links, or <see cref="SourceRegistry.NoPath"/>. The ledger stores it.</summary>
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
                $"{Name}: CHANGED between hashing and counting, near byte {start}. Only unchanged bytes were counted. Put the original back and "
                + "process it again. Never change a file in place; only append to it");
    }

    private LogRead ReadUnchecked(long offset, Span<byte> destination)
    {
        var wanted = (int)Math.Min(destination.Length, _length - offset);
        var count = wanted > 0 ? RandomAccess.Read(_file, destination[..wanted], offset) : 0;
        return count > 0
            ? new LogRead(count, 0, null)
            : throw new SourceStoppedException(
                $"{Name}: ends at byte {RandomAccess.GetLength(_file)}, but had {_length} bytes when its processing started. It was "
                + "truncated, so no more of it is counted");
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
