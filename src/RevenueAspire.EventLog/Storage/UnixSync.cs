using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace RevenueAspire.EventLog.Storage;

/// <summary>The fsync calls of the log on Unix.</summary>
/// <remarks><see cref="RandomAccess.FlushToDisk"/> ignores EROFS, EINVAL and ENOTSUP. But a file system returns EROFS when the kernel has made it read-only
/// after an error, exactly when nothing may be acknowledged. So on Linux the log calls fdatasync directly, and treats every error as a failure (fdatasync also
/// flushes a changed length). On macOS the log uses the runtime's flush, which issues F_FULLFSYNC; a plain fsync does not.</remarks>
[UnsupportedOSPlatform("windows")]
internal static partial class UnixSync
{
    private const int InterruptedError = 4;
    private const int InvalidArgument = 22;
    private const int NoSuchCall = 38;
    private const int IllegalSeek = 29;
    private const int NotSupported = 95;
    private const int ReadOnlyFlag = 0;

    /// <summary>SYNC_FILE_RANGE_WRITE: start writing without waiting.</summary>
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

    /// <summary>Calls sync_file_range(2) without waiting. Ignores that a file system does not support this call. Throws every other error, because the kernel
    /// may not report it again.</summary>
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

    /// <summary>Flushes a directory. Without this, a power cut may remove a new or renamed file, even if its contents were flushed.</summary>
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
            // Some file systems (network shares) cannot flush a directory and return EINVAL; there is no alternative call.
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

    // open(2) is variadic, but reads the mode only with O_CREAT. So passing two fixed arguments works on every ABI.
    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenFile(string path, int flags);
}
