using System.IO.Compression;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace RevenueAspire.CommandLine;

/// <summary>Input that cannot be read from any place, or not twice (standard input, gzip), brought into a file that has no name and is gone when it is closed.</summary>
public static class SpoolFile
{
    /// <summary>What a command line calls standard input.</summary>
    public const string StandardInput = "-";

    /// <summary>Between two looks at the disk, bytes. Inputs below that are never refused for want of space.</summary>
    private const long SpaceCheckBytes = 64L << 20;

    /// <summary>The disk may also hold the log and the database: so much is left to them.</summary>
    private const long ReservedBytes = 1L << 30;

    private const int BufferBytes = 256 * 1024;

    /// <summary>Whether a file's first two bytes are those of gzip, whatever its name. No event begins with them.</summary>
    public static bool IsGzip(SafeFileHandle file)
    {
        Span<byte> begin = stackalloc byte[2];
        return RandomAccess.Read(file, begin, 0) == 2 && IsGzip(begin);
    }

    /// <summary>Copies a stream, inflated where it begins as gzip does.</summary>
    /// <param name="source">Read to its end; not disposed.</param>
    /// <param name="name">For messages.</param>
    /// <param name="directory">Where the file is made; made itself when missing. Nobody else may read the file, and nothing of it is left after a kill.</param>
    /// <param name="cancellationToken">Ends the waiting, also for a source that gives nothing.</param>
    /// <returns>The file, open for reading from any place. Disposing of it removes it.</returns>
    /// <exception cref="SpoolException">Cut-off or damaged gzip, or no space; one line for people.</exception>
    public static async Task<SafeFileHandle> CopyAsync(Stream source, string name, string directory, CancellationToken cancellationToken)
    {
        SafeFileHandle? file = null;
        try
        {
            file = Create(directory);
            var begin = new byte[2];
            var count = await source.ReadAtLeastAsync(begin, begin.Length, throwOnEndOfStream: false, cancellationToken).AsTask().WaitAsync(cancellationToken).ConfigureAwait(false);
            if (!IsGzip(begin.AsSpan(0, count)))
            {
                await using var plain = new JoinedStream(begin.AsMemory(0, count), source, default);
                await CopyAsync(plain, file, name, directory, cancellationToken).ConfigureAwait(false);
                return file;
            }

            // .NET takes the end of the data for the end of the stream, and ignores whatever follows a member and looks like none. So a member of our own is put behind it: only when that comes out
            // at the end was everything before it whole.
            var mark = RandomNumberGenerator.GetBytes(16);
            await using var joined = new JoinedStream(begin, source, Compress(mark));
            await using var inflated = new GZipStream(joined, CompressionMode.Decompress);
            var length = await CopyAsync(inflated, file, name, directory, cancellationToken).ConfigureAwait(false);
            var end = new byte[mark.Length];
            if (length < mark.Length || RandomAccess.Read(file, end, length - mark.Length) != mark.Length || !end.AsSpan().SequenceEqual(mark))
            {
                throw Damaged(name, null);
            }

            RandomAccess.SetLength(file, length - mark.Length);
            return file;
        }
        catch (Exception exception)
        {
            file?.Dispose();
            switch (exception)
            {
                case InvalidDataException:
                    throw Damaged(name, exception);
                case SpoolException:
                    throw;
                case IOException or UnauthorizedAccessException:
                    throw new SpoolException($"{name}: cannot be copied to {directory}: {exception.Message}", exception);
                default:
                    throw;
            }
        }
    }

    private static bool IsGzip(ReadOnlySpan<byte> begin) => begin is [0x1f, 0x8b, ..];

    private static SafeFileHandle Create(string directory)
    {
        Directory.CreateDirectory(directory);
        var path = Path.Combine(directory, Guid.NewGuid().ToString("N"));
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.ReadWrite | FileShare.Delete,
            BufferSize = 0,
        };
        if (OperatingSystem.IsWindows())
        {
            options.Options = FileOptions.DeleteOnClose;
            return new FileStream(path, options).SafeFileHandle;
        }

        options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var handle = new FileStream(path, options).SafeFileHandle;

        // The name goes at once, the bytes with the handle: a kill leaves nothing.
        File.Delete(path);
        return handle;
    }

    private static async Task<long> CopyAsync(Stream source, SafeFileHandle file, string name, string directory, CancellationToken cancellationToken)
    {
        var buffer = new byte[BufferBytes];
        long length = 0, nextCheck = SpaceCheckBytes;
        while (true)
        {
            // Waited for apart from the read: nobody can call back a read of a terminal or a pipe.
            var read = await source.ReadAsync(buffer, cancellationToken).AsTask().WaitAsync(cancellationToken).ConfigureAwait(false);
            if (read == 0)
            {
                return length;
            }

            await RandomAccess.WriteAsync(file, buffer.AsMemory(0, read), length, cancellationToken).ConfigureAwait(false);
            length += read;
            if (length >= nextCheck)
            {
                nextCheck += SpaceCheckBytes;
                if (new DriveInfo(Path.GetFullPath(directory)).AvailableFreeSpace < ReservedBytes)
                {
                    throw new SpoolException($"{name}: too large to be copied to {directory} ({length >> 20} MB so far, less than {ReservedBytes >> 20} MB left there); nothing of it was taken. Make room, or choose another Data:Directory.");
                }
            }
        }
    }

    private static byte[] Compress(byte[] bytes)
    {
        using var result = new MemoryStream();
        using (var gzip = new GZipStream(result, CompressionLevel.NoCompression))
        {
            gzip.Write(bytes);
        }

        return result.ToArray();
    }

    private static SpoolException Damaged(string name, Exception? inner) =>
        new($"{name}: not a whole gzip file (cut off, damaged, or followed by something else); nothing of it was taken", inner);
}

/// <summary>The input cannot be brought to disk; the message is one line for people.</summary>
public sealed class SpoolException(string message, Exception? innerException = null) : IOException(message, innerException);
