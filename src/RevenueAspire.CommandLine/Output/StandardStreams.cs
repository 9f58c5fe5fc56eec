using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace RevenueAspire.CommandLine;

/// <summary>Detects which standard streams were open when the process started. Only on Linux; elsewhere all count as open.</summary>
/// <remarks>If a standard stream is closed, the next opened file or socket gets its number. A write to standard output would then go to that file.</remarks>
internal static partial class StandardStreams
{
    public const int Input = 0;
    public const int Output = 1;
    public const int Error = 2;

    private const int GetDescriptorFlags = 1;
    private const int CloseOnExec = 1;
    private const int WriteOnly = 1;
    private const int ReadWrite = 2;
    private const short PollError = 8;

    /// <summary>Finds closed streams, and occupies their numbers, so that no later file gets them. Call it once, before the program opens a file.</summary>
    /// <returns>For each stream number, whether the process inherited the stream.</returns>
    public static bool[] FindInherited()
    {
        var inherited = new[] { true, true, true };
        for (var stream = Input; OperatingSystem.IsLinux() && stream <= Error; stream++)
        {
            var flags = Fcntl(stream, GetDescriptorFlags);

            // The kernel closes descriptors with this flag when a program starts. So a descriptor with it was opened later, and was not inherited.
            inherited[stream] = flags >= 0 && (flags & CloseOnExec) == 0;
            if (flags < 0)
            {
                // Open returns the lowest free number, which is this one. A read from this standard input fails, instead of returning an empty file.
                _ = Open("/dev/null", stream == Input ? WriteOnly : ReadWrite);
            }
        }

        return inherited;
    }

    /// <summary>Whether a pipe or socket has lost its reader. The framework then drops writes without an error.</summary>
    public static bool HasLostReader(int stream)
    {
        var state = new PollState { Descriptor = stream };
        return OperatingSystem.IsLinux() && Poll(ref state, 1, 0) > 0 && (state.Returned & PollError) != 0;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PollState
    {
        public int Descriptor;
        public short Requested;
        public short Returned;
    }

    [SupportedOSPlatform("linux")]
    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Fcntl(int descriptor, int command);

    [SupportedOSPlatform("linux")]
    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [SupportedOSPlatform("linux")]
    [LibraryImport("libc", EntryPoint = "poll")]
    private static partial int Poll(ref PollState state, nuint count, int milliseconds);
}
