using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace RevenueAspire.LocalPostgres.Processes;

/// <summary>System calls that .NET does not offer.</summary>
internal static partial class LibC
{
    public const int SigInt = 2;
    public const int SigQuit = 3;
    public const int SigKill = 9;

    /// <summary>Sends a signal; false if there is no such process, or no permission.</summary>
    [UnsupportedOSPlatform("windows")]
    public static bool Signal(int processId, int signal) => Kill(processId, signal) == 0;

    /// <summary>Changes the owner and group of a file or directory.</summary>
    /// <exception cref="IOException">The system refused.</exception>
    [UnsupportedOSPlatform("windows")]
    public static void ChangeOwner(string path, uint userId, uint groupId)
    {
        if (Chown(path, userId, groupId) != 0)
        {
            throw new IOException($"The owner of {path} could not be changed to user {userId}: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    [UnsupportedOSPlatform("windows")]
    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int processId, int signal);

    [UnsupportedOSPlatform("windows")]
    [LibraryImport("libc", EntryPoint = "chown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Chown(string path, uint userId, uint groupId);
}
