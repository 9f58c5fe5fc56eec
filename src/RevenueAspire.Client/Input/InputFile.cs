using Microsoft.Win32.SafeHandles;
using RevenueAspire.Client.Sending;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.Input;

/// <summary>A file to send. A run covers a fixed length, even if the file grows. Thread-safe.</summary>
internal sealed class InputFile : IDisposable
{
    /// <summary>The file name that represents standard input. Rejected lines are written as if a file of this name were in the current directory.</summary>
    private const string StandardInputName = "standard-input";

    /// <summary>Longer than the timestamp resolution of every file system except FAT.</summary>
    private static readonly TimeSpan Grain = TimeSpan.FromSeconds(2);

    private readonly bool _isCopy;
    private readonly DateTime _modified;
    private readonly bool _wasJustModified;
    private readonly long _packedLength;

    private InputFile(string givenPath, SafeFileHandle handle, bool isCopy = false, long packedLength = 0)
    {
        GivenPath = givenPath;
        _isCopy = isCopy;
        _packedLength = packedLength;
        // Take the time before the first read. Then a later write changes the file's time, unless it is within the timestamp resolution.
        _modified = File.GetLastWriteTimeUtc(handle);
        _wasJustModified = DateTime.UtcNow - _modified < Grain;
        IsStandardInput = givenPath == SpoolFile.StandardInput;
        FullPath = Path.GetFullPath(IsStandardInput ? StandardInputName : givenPath);
        Handle = handle;
        Length = RandomAccess.GetLength(handle);
        OpenedLength = Length;
    }

    /// <summary>The path as the user wrote it, for messages.</summary>
    public string GivenPath { get; }

    public string FullPath { get; }

    /// <summary>Whether this is a copy of standard input. The input cannot be read again, so its send cannot be resumed.</summary>
    public bool IsStandardInput { get; }

    public SafeFileHandle Handle { get; }

    /// <summary>Bytes that the run covers: the length at opening, or the length when a resumed run began.</summary>
    public long Length { get; private set; }

    /// <summary>Length in bytes at opening.</summary>
    public long OpenedLength { get; }

    /// <summary>Whether this is a private copy of decompressed data or of standard input, which no other program can change.</summary>
    public bool IsCopy => _isCopy;

    public long CurrentLength => RandomAccess.GetLength(Handle);

    /// <summary>Number of bytes that the file now has after <see cref="Length"/>. For a compressed file: compressed bytes that were appended since
    /// opening.</summary>
    public long AddedBytes =>
        !_isCopy ? CurrentLength - Length
        : !IsStandardInput && new FileInfo(FullPath) is { Exists: true } packed ? Math.Max(0, packed.Length - _packedLength)
        : 0;

    /// <summary>Whether the file may have been written to since opening, at its end or elsewhere.</summary>
    public bool MayHaveChanged => !_isCopy && (_wasJustModified || File.GetLastWriteTimeUtc(Handle) != _modified);

    /// <summary>Opens a file. Decompresses gzip and zstd (recognised by content, not by name). For <c>-</c>, reads standard input to its end.</summary>
    /// <param name="path">The path as the user wrote it.</param>
    /// <param name="standardInput">Called only for <c>-</c>.</param>
    /// <param name="spoolDirectory">Directory for an unnamed copy, which exists while it is open.</param>
    /// <param name="cancellationToken">Cancels the copying.</param>
    /// <exception cref="SendException">As for <see cref="Open"/>; or the compressed data is incomplete, or the disk is full.</exception>
    public static async Task<InputFile> OpenAsync(string path, Func<Stream> standardInput, string spoolDirectory, CancellationToken cancellationToken)
    {
        try
        {
            if (path == SpoolFile.StandardInput)
            {
                await using var input = standardInput();
                return new InputFile(path, await SpoolFile.CopyAsync(input, "standard input", spoolDirectory, cancellationToken), isCopy: true);
            }

            var file = Open(path);
            if (!SpoolFile.IsPacked(file.Handle))
            {
                InputFormat.Refuse(file.Handle, path);
                return file;
            }

            file.Dispose();
            await using var packed = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            var packedLength = packed.Length;
            return new InputFile(path, await SpoolFile.CopyAsync(packed, path, spoolDirectory, cancellationToken), isCopy: true, packedLength);
        }
        catch (UserErrorException exception) when (exception is not SendException)
        {
            throw new SendException(SendFailure.LocalFile, exception.Message, exception);
        }
    }

    /// <exception cref="SendException">The file is missing, a directory, not a regular file, or unreadable. The message is one line for people.</exception>
    public static InputFile Open(string path)
    {
        if (Directory.Exists(path))
        {
            throw new SendException(SendFailure.LocalFile, $"{path} is a directory. Name the files in it.");
        }

        SafeFileHandle handle;
        try
        {
            handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, FileOptions.SequentialScan);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new SendException(SendFailure.LocalFile, $"{path} does not exist.", exception);
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new SendException(SendFailure.LocalFile, $"{path} cannot be read: permission denied.", exception);
        }
        catch (Exception exception) when (exception is IOException or ArgumentException or NotSupportedException)
        {
            throw new SendException(SendFailure.LocalFile, $"{path} cannot be read: {exception.Message}", exception);
        }

        try
        {
            return new InputFile(path, handle);
        }
        catch (NotSupportedException exception)
        {
            handle.Dispose();
            throw new SendException(
                SendFailure.LocalFile,
                $"{path} is a pipe or a device, and only a file can be sent again after an interruption. Write the data to a file, or redirect it to "
                + "standard input and use - as the name.",
                exception);
        }
        catch (IOException exception)
        {
            handle.Dispose();
            throw new SendException(SendFailure.LocalFile, $"{path} cannot be read: {exception.Message}", exception);
        }
    }

    /// <summary>Returns the offset after the last newline in the rest of the file, or <paramref name="from"/> if there is no newline after it.</summary>
    public async ValueTask<long> FindEndOfLinesAsync(long from, CancellationToken cancellationToken)
    {
        var buffer = new byte[64 * 1024];
        for (var end = CurrentLength; end > from;)
        {
            var start = Math.Max(from, end - buffer.Length);
            var read = await RandomAccess.ReadAsync(Handle, buffer.AsMemory(0, (int)(end - start)), start, cancellationToken);
            var newline = buffer.AsSpan(0, read).LastIndexOf((byte)'\n');
            if (newline >= 0)
            {
                return start + newline + 1;
            }

            end = start;
        }

        return from;
    }

    /// <summary>Sets the number of bytes that the run covers. Must not be called during a read.</summary>
    public void LimitTo(long length) => Length = length;

    /// <summary>Fills the buffer from an offset, up to <see cref="Length"/>.</summary>
    /// <returns>Bytes read: fewer than requested only at the end.</returns>
    /// <exception cref="SendException">The file was shortened.</exception>
    public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        var wanted = (int)Math.Min(buffer.Length, Length - offset);
        var total = 0;
        while (total < wanted)
        {
            var read = await RandomAccess.ReadAsync(Handle, buffer[total..wanted], offset + total, cancellationToken);
            if (read == 0)
            {
                throw new SendException(SendFailure.LocalFile, $"{GivenPath} became shorter while it was read.");
            }

            total += read;
        }

        return total;
    }

    public void Dispose() => Handle.Dispose();
}
