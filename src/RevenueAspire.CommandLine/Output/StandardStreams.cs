using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace RevenueAspire.CommandLine;

/// <summary>Which of the standard streams the process was started with. Linux; elsewhere all count as open.</summary>
/// <remarks>A file or a socket that the runtime opens takes the number of a closed standard stream. A write to "standard output" would then go into that
/// file.</remarks>
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

    /// <summary>Finds closed streams, and occupies their numbers so that no later file gets one of them. To be called once, before the program opens a
    /// file.</summary>
    /// <returns>Per stream number, whether the process inherited it.</returns>
    public static bool[] FindInherited()
    {
        var inherited = new[] { true, true, true };
        for (var stream = Input; OperatingSystem.IsLinux() && stream <= Error; stream++)
        {
            var flags = Fcntl(stream, GetDescriptorFlags);

            // The start of a program closes each descriptor that has this flag, so whatever has it now was opened afterwards.
            inherited[stream] = flags >= 0 && (flags & CloseOnExec) == 0;
            if (flags < 0)
            {
                // The lowest free number is this one. Reading from standard input is an error, not an empty file.
                _ = Open("/dev/null", stream == Input ? WriteOnly : ReadWrite);
            }
        }

        return inherited;
    }

    /// <summary>Whether a pipe or a socket has lost its reader. The framework drops what is written to such a pipe, and reports nothing.</summary>
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
