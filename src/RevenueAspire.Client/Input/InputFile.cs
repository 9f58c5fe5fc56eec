using Microsoft.Win32.SafeHandles;
using RevenueAspire.Client.Sending;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.Input;

/// <summary>A file to send. Its length is fixed when it is opened, so that what is appended meanwhile belongs to a later run. Thread-safe.</summary>
internal sealed class InputFile : IDisposable
{
    /// <summary>Stands for the path of standard input: rejected lines go beside a file of that name in the current directory.</summary>
    private const string StandardInputName = "standard-input";

    private InputFile(string givenPath, SafeFileHandle handle)
    {
        GivenPath = givenPath;
        IsStandardInput = givenPath == SpoolFile.StandardInput;
        FullPath = Path.GetFullPath(IsStandardInput ? StandardInputName : givenPath);
        Handle = handle;
        Length = RandomAccess.GetLength(handle);
    }

    /// <summary>The path as the user wrote it, for messages.</summary>
    public string GivenPath { get; }

    public string FullPath { get; }

    /// <summary>Whether it is a copy of standard input, which nobody can read again: its send cannot be resumed.</summary>
    public bool IsStandardInput { get; }

    public SafeFileHandle Handle { get; }

    /// <summary>Bytes at the time of opening, or when a resumed run began.</summary>
    public long Length { get; private set; }

    /// <summary>Opens a file; of a gzip file (whatever its name) what it holds; of <c>-</c> what standard input gives to its end.</summary>
    /// <param name="path">As the user wrote it.</param>
    /// <param name="standardInput">Opened only for <c>-</c>.</param>
    /// <param name="spoolDirectory">Where a copy without a name is kept while it is open.</param>
    /// <param name="cancellationToken">Stops the copying.</param>
    /// <exception cref="InputFileException">As <see cref="Open"/>, or gzip that is not whole, or no room.</exception>
    public static async Task<InputFile> OpenAsync(string path, Func<Stream> standardInput, string spoolDirectory, CancellationToken cancellationToken)
    {
        try
        {
            if (path == SpoolFile.StandardInput)
            {
                await using var input = standardInput();
                return new InputFile(path, await SpoolFile.CopyAsync(input, "standard input", spoolDirectory, cancellationToken));
            }

            var file = Open(path);
            if (!SpoolFile.IsPacked(file.Handle))
            {
                InputFormat.Refuse(file.Handle, path);
                return file;
            }

            file.Dispose();
            await using var packed = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            return new InputFile(path, await SpoolFile.CopyAsync(packed, path, spoolDirectory, cancellationToken));
        }
        catch (SpoolException exception)
        {
            throw new InputFileException(exception.Message, exception);
        }
    }

    /// <exception cref="InputFileException">It is missing, a directory, no regular file, or cannot be read; the message is one line for people.</exception>
    public static InputFile Open(string path)
    {
        if (Directory.Exists(path))
        {
            throw new InputFileException($"{path} is a directory. Name the files in it.");
        }

        SafeFileHandle handle;
        try
        {
            handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, FileOptions.SequentialScan);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InputFileException($"{path}: there is no such file.", exception);
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new InputFileException($"{path} cannot be read: permission denied.", exception);
        }
        catch (Exception exception) when (exception is IOException or ArgumentException or NotSupportedException)
        {
            throw new InputFileException($"{path} cannot be read: {exception.Message}", exception);
        }

        try
        {
            return new InputFile(path, handle);
        }
        catch (NotSupportedException exception)
        {
            handle.Dispose();
            throw new InputFileException($"{path} is a pipe or a device. Only a file can be sent again after an interruption: write it to one first, or give it as standard input and name that -.", exception);
        }
        catch (IOException exception)
        {
            handle.Dispose();
            throw new InputFileException($"{path} cannot be read: {exception.Message}", exception);
        }
    }

    /// <summary>Leaves out what was appended after a run began. Called before anything is read.</summary>
    public void LimitTo(long length) => Length = length;

    /// <summary>Fills the buffer from an offset as far as the fixed length reaches.</summary>
    /// <returns>Bytes read: fewer than asked only at the end.</returns>
    /// <exception cref="InputFileException">The file has become shorter.</exception>
    public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        var wanted = (int)Math.Min(buffer.Length, Length - offset);
        var total = 0;
        while (total < wanted)
        {
            var read = await RandomAccess.ReadAsync(Handle, buffer[total..wanted], offset + total, cancellationToken);
            if (read == 0)
            {
                throw new InputFileException($"{GivenPath} has become shorter while it was read.");
            }

            total += read;
        }

        return total;
    }

    public void Dispose() => Handle.Dispose();
}

/// <summary>The input cannot be used; the message is one line for people.</summary>
internal sealed class InputFileException(string message, Exception? innerException = null) : SendException(SendFailure.LocalFile, message, innerException);
