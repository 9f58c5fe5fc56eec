using System.Runtime.InteropServices;

namespace RevenueAspire.Processor.Reading;

/// <summary>Tells a regular file from a pipe or a device without opening it: opening a pipe waits for its writer.</summary>
internal static partial class FileKind
{
    private const int CurrentDirectory = -100;
    private const uint TypeWanted = 1;
    private const int ModeOffset = 28;
    private const int TypeMask = 0xF000;
    private const int Regular = 0x8000;
    private const int Folder = 0x4000;

    /// <summary>True for what is certainly neither file nor folder. Only Linux tells; elsewhere, and where the path cannot be looked at, the opening
    /// decides.</summary>
    public static bool IsSpecial(string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            return false;
        }

        try
        {
            // struct statx is the same on all architectures, unlike struct stat.
            var status = new byte[256];
            return Statx(CurrentDirectory, path, 0, TypeWanted, status) == 0
                && (BitConverter.ToUInt16(status, ModeOffset) & TypeMask) is not (Regular or Folder);
        }
        catch (EntryPointNotFoundException)
        {
            return false;
        }
    }

    [DllImport("libc", EntryPoint = "statx")]
    private static extern int Statx(int directory, [MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, uint mask, byte[] status);
}
