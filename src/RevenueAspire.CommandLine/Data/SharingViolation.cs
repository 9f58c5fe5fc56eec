namespace RevenueAspire.CommandLine;

/// <summary>Distinguishes a file that another process has locked from a failed disk; both cause an <see cref="IOException"/>.</summary>
public static class SharingViolation
{
    private const int WindowsSharing = unchecked((int)0x80070020);
    private const int WindowsLock = unchecked((int)0x80070021);
    private const int LinuxWouldBlock = 11;
    private const int MacWouldBlock = 35;

    /// <summary>Whether opening failed because another handle has locked the file (FileShare.None).</summary>
    public static bool IsIn(IOException exception) => OperatingSystem.IsWindows()
        ? exception.HResult is WindowsSharing or WindowsLock
        : exception.HResult == (OperatingSystem.IsLinux() ? LinuxWouldBlock : MacWouldBlock);
}
