using System.IO.Compression;
using Microsoft.Win32.SafeHandles;
using ZstdSharp;

namespace RevenueAspire.CommandLine;

/// <summary>Input that cannot be read from any place, or not twice (standard input, gzip, zstd), brought into a file that has no name and is gone when it is
/// closed.</summary>
public static class SpoolFile
{
    /// <summary>What a command line calls standard input.</summary>
    public const string StandardInput = "-";

    /// <summary>Between two looks at the disk, bytes. Inputs below that are never refused for want of space.</summary>
    private const long SpaceCheckBytes = 64L << 20;

    /// <summary>The disk may also hold the log and the database: so much is left to them.</summary>
    private const long ReservedBytes = 1L << 30;

    private const int BufferBytes = 256 * 1024;

    private const int MagicBytes = 4;

    /// <summary>Whether a file is packed in a way that <see cref="CopyAsync(Stream, string, string, CancellationToken)"/> unpacks (gzip, zstd), by its first
    /// bytes, whatever its name. No event begins so.</summary>
    public static bool IsPacked(SafeFileHandle file)
    {
        Span<byte> begin = stackalloc byte[MagicBytes];
        return InputFormat.FindPacking(begin[..RandomAccess.Read(file, begin, 0)]) != Packing.None;
    }

    /// <summary>Copies a stream, unpacked where it begins as gzip or zstd does.</summary>
    /// <param name="source">Read to its end; not disposed.</param>
    /// <param name="name">For messages.</param>
    /// <param name="directory">Where the file is made; made itself when missing. Nobody else may read the file, and nothing of it is left after a kill.</param>
    /// <param name="cancellationToken">Ends the waiting, also for a source that gives nothing.</param>
    /// <returns>The file, open for reading from any place. Disposing of it removes it.</returns>
    /// <exception cref="UserErrorException">Cut-off or damaged gzip or zstd, content in another format (<see cref="InputFormat"/>), or no space; one line for
    /// people.</exception>
    public static async Task<SafeFileHandle> CopyAsync(Stream source, string name, string directory, CancellationToken cancellationToken)
    {
        SafeFileHandle? file = null;
        try
        {
            file = Create(directory);
            var begin = new byte[MagicBytes];
            var reading = source.ReadAtLeastAsync(begin, begin.Length, throwOnEndOfStream: false, cancellationToken).AsTask();
            var count = await reading.WaitAsync(cancellationToken).ConfigureAwait(false);
            var (first, packing) = (begin.AsMemory(0, count), InputFormat.FindPacking(begin.AsSpan(0, count)));
            await UnpackAsync(packing, first, source, file, name, directory, cancellationToken).ConfigureAwait(false);
            InputFormat.Refuse(file, name, packing);
            return file;
        }
        catch (Exception exception)
        {
            file?.Dispose();
            switch (exception)
            {
                case InvalidDataException:
                    throw Damaged(name, "gzip", exception);
                case ZstdException or EndOfStreamException:
                    throw Damaged(name, "zstd", exception);
                case UserErrorException:
                    throw;
                case IOException or UnauthorizedAccessException:
                    throw new UserErrorException($"{name}: cannot be copied to {directory}: {exception.Message}", exception);
                default:
                    throw;
            }
        }
    }

    private static async Task UnpackAsync(
        Packing packing, ReadOnlyMemory<byte> begin, Stream source, SafeFileHandle file, string name, string directory, CancellationToken cancellationToken)
    {
        if (packing == Packing.Gzip)
        {
            await InflateAsync(begin, source, file, name, directory, cancellationToken).ConfigureAwait(false);
            return;
        }

        await using var plain = new JoinedStream(begin, source);
        if (packing == Packing.None)
        {
            await CopyAsync(plain, file, name, directory, cancellationToken).ConfigureAwait(false);
            return;
        }

        // Throws at an end that is not the end of a frame.
        await using var unpacked = new DecompressionStream(plain, bufferSize: BufferBytes, checkEndOfStream: true, leaveOpen: true);
        await CopyAsync(unpacked, file, name, directory, cancellationToken).ConfigureAwait(false);
    }

    private static async Task InflateAsync(
        ReadOnlyMemory<byte> begin, Stream source, SafeFileHandle file, string name, string directory, CancellationToken cancellationToken)
    {
        var mark = new GzipEndMarker();
        await using var joined = new TailMark(begin, source, mark.Member);
        await using var inflated = new GZipStream(joined, CompressionMode.Decompress);
        var length = await CopyAsync(inflated, file, name, directory, cancellationToken).ConfigureAwait(false);
        if (joined.StoppedInZeros)
        {
            return;
        }

        var end = new byte[mark.Content.Length];
        if (length < end.Length || RandomAccess.Read(file, end, length - end.Length) != end.Length || !mark.Content.SequenceEqual(end))
        {
            throw Damaged(name, "gzip", null);
        }

        RandomAccess.SetLength(file, length - end.Length);
    }

    /// <summary>Makes a file that has no name and is gone when it is closed, also by a kill.</summary>
    /// <param name="directory">Made where it is missing. No other user may read the file.</param>
    /// <exception cref="IOException">It cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be made.</exception>
    public static SafeFileHandle Create(string directory)
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

    /// <summary>Leaves space to the log and the database that the disk may also hold.</summary>
    /// <exception cref="IOException">Less than 1 GB is left.</exception>
    public static void RefuseFullDisk(string directory)
    {
        if (new DriveInfo(Path.GetFullPath(directory)).AvailableFreeSpace < ReservedBytes)
        {
            throw new IOException($"less than {ReservedBytes >> 20} MB are left there.");
        }
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
                try
                {
                    RefuseFullDisk(directory);
                }
                catch (IOException exception)
                {
                    throw new UserErrorException(
                        $"{name}: too large to be copied to {directory} ({length >> 20} MB so far): {exception.Message} Nothing of it was taken. Make room, or "
                        + "choose another Data:Directory.", exception);
                }
            }
        }
    }

    private static UserErrorException Damaged(string name, string format, Exception? inner) =>
        new($"{name}: not a whole {format} file (cut off, damaged, or followed by something else); nothing of it was taken", inner);
}
