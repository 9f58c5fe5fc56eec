using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace RevenueAspire.LocalPostgres.Processes;

/// <summary>The few calls that .NET has no name for.</summary>
internal static partial class LibC
{
    public const int SigInt = 2;
    public const int SigQuit = 3;
    public const int SigKill = 9;

    /// <summary>Sends a signal; false when there is no such process, or not for us.</summary>
    [UnsupportedOSPlatform("windows")]
    public static bool Signal(int processId, int signal) => Kill(processId, signal) == 0;

    /// <summary>Gives a file or directory to a user and group.</summary>
    /// <exception cref="IOException">Refused.</exception>
    [UnsupportedOSPlatform("windows")]
    public static void ChangeOwner(string path, uint userId, uint groupId)
    {
        if (Chown(path, userId, groupId) != 0)
        {
            throw new IOException($"{path} could not be given to user {userId}: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    [UnsupportedOSPlatform("windows")]
    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int processId, int signal);

    [UnsupportedOSPlatform("windows")]
    [LibraryImport("libc", EntryPoint = "chown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Chown(string path, uint userId, uint groupId);
}
