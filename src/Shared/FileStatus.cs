using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace RevenueAspire;

/// <summary>File status that .NET does not report: identity, kind and owner. Compiled into each project that needs it.</summary>
/// <remarks>Linux: statx(2), because its structure is the same on every architecture. macOS: the 64-bit stat(2), of which only the identity is used.</remarks>
[UnsupportedOSPlatform("windows")]
internal readonly partial struct FileStatus
{
    private const int NoEntry = 2;
    private const int InterruptedError = 4;
    private const int NotADirectory = 20;

    /// <summary>Buffer size, larger than either structure.</summary>
    private const int StructureBytes = 512;

    private const int CurrentDirectory = -100;
    private const int NoFollowFlag = 0x100;
    private const int EmptyPathFlag = 0x1000;

    /// <summary>STATX_TYPE, STATX_MODE, STATX_UID and STATX_INO.</summary>
    private const uint Fields = 0x10b;

    private const int KindMask = 0xf000;

    /// <summary>Kind and permissions as in st_mode; 0 on macOS.</summary>
    private readonly int _mode;

    private readonly uint _userId;

    private FileStatus(ReadOnlySpan<byte> structure)
    {
        if (OperatingSystem.IsLinux())
        {
            // stx_dev_major, stx_dev_minor, stx_ino, stx_mode, stx_uid
            Identity = (((ulong)Read<uint>(structure, 136) << 32) | Read<uint>(structure, 140), Read<ulong>(structure, 32));
            _mode = Read<ushort>(structure, 28);
            _userId = Read<uint>(structure, 20);
        }
        else
        {
            // st_dev, st_ino
            Identity = (Read<uint>(structure, 0), Read<ulong>(structure, 8));
        }
    }

    /// <summary>Identifies the file regardless of its name. While a file is open, no other file has the same identity.</summary>
    public (ulong Device, ulong Number) Identity { get; }

    /// <summary>Whether it is a directory. Linux only.</summary>
    public bool IsDirectory => (_mode & KindMask) == 0x4000;

    /// <summary>Whether it is a regular file. Linux only.</summary>
    public bool IsRegularFile => (_mode & KindMask) == 0x8000;

    /// <summary>Whether the file's group or all users may write to it. Linux only.</summary>
    public bool IsWritableByOthers => (_mode & 0x12) != 0;

    /// <summary>Whether the user of this process owns the file. Linux only.</summary>
    public bool IsOwn => _userId == GetEffectiveUserId();

    /// <summary>Reads the status of an open file.</summary>
    /// <exception cref="IOException">The system refuses the call.</exception>
    public static FileStatus Of(SafeFileHandle file, string path)
    {
        Span<byte> structure = stackalloc byte[StructureBytes];
        while ((OperatingSystem.IsLinux() ? StatX(file, "", EmptyPathFlag, Fields, structure)
            : RuntimeInformation.ProcessArchitecture == Architecture.X64 ? FStat64(file, structure)
            : FStat(file, structure)) != 0)
        {
            ThrowUnlessInterrupted(path);
        }

        return new FileStatus(structure);
    }

    /// <summary>Reads the status of the file at a path; null if there is none. Does not open the file, so it never blocks on a pipe.</summary>
    /// <param name="path">The path.</param>
    /// <param name="followLink">Whether to follow a link at the path. Only Linux supports false.</param>
    /// <exception cref="IOException">The system refuses the call.</exception>
    public static FileStatus? Find(string path, bool followLink = true)
    {
        Span<byte> structure = stackalloc byte[StructureBytes];
        while ((OperatingSystem.IsLinux() ? StatX(CurrentDirectory, path, followLink ? 0 : NoFollowFlag, Fields, structure)
            : RuntimeInformation.ProcessArchitecture == Architecture.X64 ? Stat64(path, structure)
            : Stat(path, structure)) != 0)
        {
            if (Marshal.GetLastPInvokeError() is NoEntry or NotADirectory)
            {
                return null;
            }

            ThrowUnlessInterrupted(path);
        }

        return new FileStatus(structure);
    }

    private static T Read<T>(ReadOnlySpan<byte> structure, int at)
        where T : unmanaged => MemoryMarshal.Read<T>(structure[at..]);

    private static void ThrowUnlessInterrupted(string path)
    {
        var error = Marshal.GetLastPInvokeError();
        if (error != InterruptedError)
        {
            throw new IOException($"{path}: the status cannot be read: {Marshal.GetPInvokeErrorMessage(error)} ({error})");
        }
    }

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatX(SafeFileHandle directory, string path, int flags, uint mask, Span<byte> structure);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatX(int directory, string path, int flags, uint mask, Span<byte> structure);

    [LibraryImport("libc", EntryPoint = "fstat", SetLastError = true)]
    private static partial int FStat(SafeFileHandle file, Span<byte> structure);

    [LibraryImport("libc", EntryPoint = "stat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Stat(string path, Span<byte> structure);

    [LibraryImport("libc", EntryPoint = "fstat$INODE64", SetLastError = true)]
    private static partial int FStat64(SafeFileHandle file, Span<byte> structure);

    [LibraryImport("libc", EntryPoint = "stat$INODE64", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Stat64(string path, Span<byte> structure);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint GetEffectiveUserId();
}
