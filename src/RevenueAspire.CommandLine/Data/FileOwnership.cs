using System.Buffers.Binary;
using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Text;

namespace RevenueAspire.CommandLine;

/// <summary>Whether only this user can change a path. On a shared machine, another user may create a directory of a predictable name first.</summary>
internal static partial class FileOwnership
{
    private const int AtCurrentDirectory = -100;
    private const int NoFollow = 0x100;
    private const uint BasicStats = 0x7ff;
    private const int UserIdAt = 20;
    private const int ModeAt = 28;
    private const int TypeMask = 0xf000;
    private const int DirectoryType = 0x4000;
    private const int WritableByOthers = 0x12;

    /// <summary>Why the path itself (links are not followed) is not a directory of this user that only this user can write to, or null. Linux; elsewhere
    /// null.</summary>
    /// <exception cref="IOException">The path cannot be read.</exception>
    public static string? FindDirectoryProblem(string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            return null;
        }

        // struct statx has one layout on every architecture, which struct stat has not.
        Span<byte> stat = stackalloc byte[256];
        if (Statx(AtCurrentDirectory, path, NoFollow, BasicStats, ref MemoryMarshal.GetReference(stat)) != 0)
        {
            throw new IOException($"{path}: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}");
        }

        var mode = BinaryPrimitives.ReadUInt16LittleEndian(stat[ModeAt..]);
        var owner = BinaryPrimitives.ReadUInt32LittleEndian(stat[UserIdAt..]);
        return (mode & TypeMask) != DirectoryType ? "it is not a directory"
            : owner != GetEffectiveUserId() ? "it belongs to another user"
            : (mode & WritableByOthers) != 0 ? "others than its owner can write to it"
            : null;
    }

    [SupportedOSPlatform("linux")]
    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int Statx(int directory, string path, int flags, uint mask, ref byte buffer);

    [SupportedOSPlatform("linux")]
    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint GetEffectiveUserId();
}
