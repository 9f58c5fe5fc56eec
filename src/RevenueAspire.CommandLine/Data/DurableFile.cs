using System.ComponentModel;
using System.Runtime.InteropServices;

namespace RevenueAspire.CommandLine;

/// <summary>Writes files so that a crash leaves either the old or the new content. Not thread-safe per path.</summary>
public static partial class DurableFile
{
    /// <summary>Replaces a file's content. When this returns, the new content survives a power cut.</summary>
    /// <exception cref="IOException">The disk failed; the old content is still there.</exception>
    public static void Replace(string path, ReadOnlySpan<byte> content)
    {
        var temporary = path + ".tmp";
        using (var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0))
        {
            stream.Write(content);
            stream.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
        SyncDirectory(Path.GetDirectoryName(path)!);
    }

    /// <summary>Makes the names in a directory durable: they survive a power cut. Does nothing on Windows, where NTFS journals names.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    public static void SyncDirectory(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        var descriptor = Open(path, 0);
        if (descriptor < 0)
        {
            throw Failure(path);
        }

        try
        {
            if (Fsync(descriptor) != 0)
            {
                throw Failure(path);
            }
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    private static IOException Failure(string path) => new($"{path}: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}");

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
