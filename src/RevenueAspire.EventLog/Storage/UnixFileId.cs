using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace RevenueAspire.EventLog.Storage;

/// <summary>What makes a file itself whatever it is called: its device and its number there. The number of a file that somebody holds open is not given to another.</summary>
/// <remarks>.NET has no such call. Linux: statx(2), whose structure is the same on every architecture. macOS: stat(2) in its 64-bit form.</remarks>
[UnsupportedOSPlatform("windows")]
internal readonly partial record struct UnixFileId(ulong Device, ulong Number)
{
    private const int NoEntry = 2;
    private const int InterruptedError = 4;
    private const int NotADirectory = 20;

    /// <summary>Larger than either structure.</summary>
    private const int StructureBytes = 512;

    private const int CurrentDirectory = -100;
    private const int EmptyPathFlag = 0x1000;
    private const uint NumberMask = 0x100;

    /// <summary>Of an open file.</summary>
    /// <exception cref="IOException">The system does not tell.</exception>
    public static UnixFileId Of(SafeFileHandle file, string path)
    {
        Span<byte> structure = stackalloc byte[StructureBytes];
        while ((OperatingSystem.IsLinux() ? StatX(file, "", EmptyPathFlag, NumberMask, structure)
            : RuntimeInformation.ProcessArchitecture == Architecture.X64 ? FStat64(file, structure)
            : FStat(file, structure)) != 0)
        {
            ThrowUnlessInterrupted(path);
        }

        return Parse(structure);
    }

    /// <summary>Of what is at a path now; null when nothing is there.</summary>
    /// <exception cref="IOException">The system does not tell.</exception>
    public static UnixFileId? Find(string path)
    {
        Span<byte> structure = stackalloc byte[StructureBytes];
        while ((OperatingSystem.IsLinux() ? StatX(CurrentDirectory, path, 0, NumberMask, structure)
            : RuntimeInformation.ProcessArchitecture == Architecture.X64 ? Stat64(path, structure)
            : Stat(path, structure)) != 0)
        {
            if (Marshal.GetLastPInvokeError() is NoEntry or NotADirectory)
            {
                return null;
            }

            ThrowUnlessInterrupted(path);
        }

        return Parse(structure);
    }

    private static UnixFileId Parse(ReadOnlySpan<byte> structure) => OperatingSystem.IsLinux()
        ? new(((ulong)Word(structure, 136) << 32) | Word(structure, 140), Long(structure, 32)) // stx_dev_major, stx_dev_minor, stx_ino
        : new(Word(structure, 0), Long(structure, 8)); // st_dev, st_ino

    private static uint Word(ReadOnlySpan<byte> structure, int at) => MemoryMarshal.Read<uint>(structure[at..]);

    private static ulong Long(ReadOnlySpan<byte> structure, int at) => MemoryMarshal.Read<ulong>(structure[at..]);

    private static void ThrowUnlessInterrupted(string path)
    {
        var error = Marshal.GetLastPInvokeError();
        if (error != InterruptedError)
        {
            throw new IOException($"{path}: cannot be looked at: {Marshal.GetPInvokeErrorMessage(error)} ({error})");
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
}
