using Microsoft.Win32.SafeHandles;
using RevenueAspire.Client.Sending;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.Input;

/// <summary>A file to send. What the run is about ends at a fixed length, whatever is appended meanwhile. Thread-safe.</summary>
internal sealed class InputFile : IDisposable
{
    /// <summary>Stands for the path of standard input: rejected lines go beside a file of that name in the current directory.</summary>
    private const string StandardInputName = "standard-input";

    /// <summary>Far above the grain of any file system's clock, but for FAT's.</summary>
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
        // Before any byte is read: what changes from now on has another time, unless the clock's grain hides it.
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

    /// <summary>Whether it is a copy of standard input, which nobody can read again: its send cannot be resumed.</summary>
    public bool IsStandardInput { get; }

    public SafeFileHandle Handle { get; }

    /// <summary>Bytes that the run is about: those at the time of opening, or when a resumed run began.</summary>
    public long Length { get; private set; }

    /// <summary>Bytes at the time of opening.</summary>
    public long OpenedLength { get; }

    /// <summary>Whether it is a copy of what was inflated, or of standard input, which nobody else can change.</summary>
    public bool IsCopy => _isCopy;

    public long CurrentLength => RandomAccess.GetLength(Handle);

    /// <summary>Bytes that lie behind <see cref="Length"/> now; of a packed file those that were appended to the packed one, since it was opened.</summary>
    public long AddedBytes =>
        !_isCopy ? CurrentLength - Length
        : !IsStandardInput && new FileInfo(FullPath) is { Exists: true } packed ? Math.Max(0, packed.Length - _packedLength)
        : 0;

    /// <summary>Whether the file may have been written to since it was opened, at its end or anywhere.</summary>
    public bool MayHaveChanged => !_isCopy && (_wasJustModified || File.GetLastWriteTimeUtc(Handle) != _modified);

    /// <summary>Opens a file; of a compressed file (gzip, zstd; whatever its name) what it holds; of <c>-</c> what standard input gives to its end.</summary>
    /// <param name="path">As the user wrote it.</param>
    /// <param name="standardInput">Opened only for <c>-</c>.</param>
    /// <param name="spoolDirectory">Where a copy without a name is kept while it is open.</param>
    /// <param name="cancellationToken">Stops the copying.</param>
    /// <exception cref="SendException">As <see cref="Open"/>, or compressed data that is not whole, or no room.</exception>
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

    /// <exception cref="SendException">It is missing, a directory, no regular file, or cannot be read; the message is one line for people.</exception>
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
            throw new SendException(SendFailure.LocalFile, $"{path}: there is no such file.", exception);
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
                $"{path} is a pipe or a device. Only a file can be sent again after an interruption: write it to one first, or give it as standard input and "
                + "name that -.",
                exception);
        }
        catch (IOException exception)
        {
            handle.Dispose();
            throw new SendException(SendFailure.LocalFile, $"{path} cannot be read: {exception.Message}", exception);
        }
    }

    /// <summary>The byte offset after the last newline, at or after an offset; that offset where no newline follows it.</summary>
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

    /// <summary>Sets how many of its bytes the run is about. Called while nothing is read.</summary>
    public void LimitTo(long length) => Length = length;

    /// <summary>Fills the buffer from an offset as far as the fixed length reaches.</summary>
    /// <returns>Bytes read: fewer than asked only at the end.</returns>
    /// <exception cref="SendException">The file has become shorter.</exception>
    public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        var wanted = (int)Math.Min(buffer.Length, Length - offset);
        var total = 0;
        while (total < wanted)
        {
            var read = await RandomAccess.ReadAsync(Handle, buffer[total..wanted], offset + total, cancellationToken);
            if (read == 0)
            {
                throw new SendException(SendFailure.LocalFile, $"{GivenPath} has become shorter while it was read.");
            }

            total += read;
        }

        return total;
    }

    public void Dispose() => Handle.Dispose();
}
