using System.IO.Compression;
using Microsoft.Win32.SafeHandles;
using ZstdSharp;

namespace RevenueAspire.CommandLine;

/// <summary>Copies input that cannot be read twice or at any offset (standard input, gzip, zstd) to an unnamed file, which disappears when it is
/// closed.</summary>
public static class SpoolFile
{
    /// <summary>The name of standard input on the command line.</summary>
    public const string StandardInput = "-";

    /// <summary>Bytes written between free-space checks. Smaller inputs are not checked.</summary>
    private const long SpaceCheckBytes = 64L << 20;

    /// <summary>Free space to keep for the log and the database, which may be on the same disk.</summary>
    private const long ReservedBytes = 1L << 30;

    private const int BufferBytes = 256 * 1024;

    private const int MagicBytes = 4;

    /// <summary>Whether <see cref="CopyAsync(Stream, string, string, CancellationToken)"/> would unpack the file (gzip, zstd). Depends on its first bytes, not
    /// on its name. No event begins with these bytes.</summary>
    public static bool IsPacked(SafeFileHandle file)
    {
        Span<byte> begin = stackalloc byte[MagicBytes];
        return InputFormat.FindPacking(begin[..RandomAccess.Read(file, begin, 0)]) != Packing.None;
    }

    /// <summary>Copies a stream, and unpacks it if it begins like gzip or zstd.</summary>
    /// <param name="source">Read to its end; not disposed.</param>
    /// <param name="name">The input's name in messages.</param>
    /// <param name="directory">Folder for the file; created if missing. Only this user can read the file, and nothing of it remains after a kill.</param>
    /// <param name="cancellationToken">Cancels the copying, even if the source never returns data.</param>
    /// <returns>The file, open for reading at any offset. Disposing it deletes the file.</returns>
    /// <exception cref="UserErrorException">Incomplete or damaged gzip or zstd, content in another format (<see cref="InputFormat"/>), or no space. The message
    /// is one line for people.</exception>
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

        // Throws if the data ends within a frame.
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

    /// <summary>Creates an unnamed file, which disappears when it is closed or its process is killed.</summary>
    /// <param name="directory">Created if missing. Only this user can read the file.</param>
    /// <exception cref="IOException">The file cannot be created.</exception>
    /// <exception cref="UnauthorizedAccessException">No permission to create the file.</exception>
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

        // Removes the name now; the bytes disappear when the handle is closed, so also after a kill.
        File.Delete(path);
        return handle;
    }

    /// <summary>Checks that enough space stays free for the log and the database, which may be on the same disk.</summary>
    /// <exception cref="IOException">Less than 1 GB is free.</exception>
    public static void RefuseFullDisk(string directory)
    {
        if (new DriveInfo(Path.GetFullPath(directory)).AvailableFreeSpace < ReservedBytes)
        {
            throw new IOException($"less than {ReservedBytes >> 20} MB are free there.");
        }
    }

    private static async Task<long> CopyAsync(Stream source, SafeFileHandle file, string name, string directory, CancellationToken cancellationToken)
    {
        var buffer = new byte[BufferBytes];
        long length = 0, nextCheck = SpaceCheckBytes;
        while (true)
        {
            // Cancel the wait, not the read: reads from a terminal or a pipe may ignore cancellation.
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
                        $"{name}: too large to be copied to {directory} ({length >> 20} MB so far): {exception.Message} No line was counted. Free some space, "
                        + "or choose another Data:Directory.", exception);
                }
            }
        }
    }

    private static UserErrorException Damaged(string name, string format, Exception? inner) =>
        new($"{name}: not a complete {format} file (cut off, damaged, or followed by other data); no line was counted", inner);
}
