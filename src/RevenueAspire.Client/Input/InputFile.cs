using Microsoft.Win32.SafeHandles;
using RevenueAspire.Client.Sending;

namespace RevenueAspire.Client.Input;

/// <summary>A file to send. Its length is fixed when it is opened, so that what is appended meanwhile belongs to a later run. Thread-safe.</summary>
internal sealed class InputFile : IDisposable
{
    private InputFile(string givenPath, SafeFileHandle handle)
    {
        GivenPath = givenPath;
        FullPath = Path.GetFullPath(givenPath);
        Handle = handle;
        Length = RandomAccess.GetLength(handle);
    }

    /// <summary>The path as the user wrote it, for messages.</summary>
    public string GivenPath { get; }

    public string FullPath { get; }

    public SafeFileHandle Handle { get; }

    /// <summary>Bytes at the time of opening, or when a resumed run began.</summary>
    public long Length { get; private set; }

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
            throw new InputFileException($"{path} is a pipe or a device. Only a file can be sent again after an interruption: write it to one first.", exception);
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
