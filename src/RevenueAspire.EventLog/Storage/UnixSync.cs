using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace RevenueAspire.EventLog.Storage;

/// <summary>fsync as the log needs it on Unix.</summary>
/// <remarks><see cref="RandomAccess.FlushToDisk"/> takes EROFS, EINVAL and ENOTSUP for success. A file system that the kernel turned read-only after an error
/// answers EROFS: exactly the moment at which nothing may be acknowledged. So Linux calls fdatasync itself and takes every error seriously (fdatasync flushes a
/// changed length too). On macOS the runtime's flush is used: it issues F_FULLFSYNC, which a plain fsync does not.</remarks>
[UnsupportedOSPlatform("windows")]
internal static partial class UnixSync
{
    private const int InterruptedError = 4;
    private const int InvalidArgument = 22;
    private const int NoSuchCall = 38;
    private const int IllegalSeek = 29;
    private const int NotSupported = 95;
    private const int ReadOnlyFlag = 0;

    /// <summary>SYNC_FILE_RANGE_WRITE: begin, and wait for nothing.</summary>
    private const uint BeginWriteOut = 2;

    public static void FlushFile(SafeFileHandle file, string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            RandomAccess.FlushToDisk(file);
            return;
        }

        while (FDataSync(file) != 0)
        {
            ThrowUnlessInterrupted(path);
        }
    }

    /// <summary>sync_file_range(2) without waiting. A file system that does not have it is no error; every other error is, since
    /// it might not be told a second time.</summary>
    [SupportedOSPlatform("linux")]
    public static void StartWriteOut(SafeFileHandle file, string path, long offset, long length)
    {
        while (SyncFileRange(file, offset, length, BeginWriteOut) != 0)
        {
            if (Marshal.GetLastPInvokeError() is NoSuchCall or InvalidArgument or IllegalSeek or NotSupported)
            {
                return;
            }

            ThrowUnlessInterrupted(path);
        }
    }

    /// <summary>fsync of a directory, without which a new or renamed file may be gone after a power cut although its contents were flushed.</summary>
    public static void FlushDirectory(string directory)
    {
        int descriptor;
        while ((descriptor = OpenFile(directory, ReadOnlyFlag)) < 0)
        {
            ThrowUnlessInterrupted(directory);
        }

        using var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        while (FSync(handle) != 0)
        {
            // Some file systems (network shares) cannot flush a directory and say so with EINVAL; there is nothing more that could be asked of them.
            if (Marshal.GetLastPInvokeError() == InvalidArgument)
            {
                return;
            }

            ThrowUnlessInterrupted(directory);
        }
    }

    private static void ThrowUnlessInterrupted(string path)
    {
        var error = Marshal.GetLastPInvokeError();
        if (error != InterruptedError)
        {
            throw new IOException($"{path}: fsync failed: {Marshal.GetPInvokeErrorMessage(error)} ({error})");
        }
    }

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int FDataSync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "sync_file_range", SetLastError = true)]
    private static partial int SyncFileRange(SafeFileHandle file, long offset, long length, uint flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(SafeFileHandle file);

    // open(2) is variadic; the mode is only read with O_CREAT, so two fixed arguments are the same call on every ABI.
    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenFile(string path, int flags);
}
