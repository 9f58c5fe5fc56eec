using System.Runtime.InteropServices;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Api.Hosting;

/// <summary>The operating system's limits of this process: open files and sockets (<c>ulimit -n</c>), and the size of a file (<c>ulimit -f</c>).</summary>
internal static partial class ProcessLimits
{
    /// <summary>SIGXFSZ. .NET has no name for it; the number is the same on Linux and macOS.</summary>
    private const PosixSignal FileSizeExceeded = (PosixSignal)25;

    private const int LinuxOpenFiles = 7;
    private const int MacOpenFiles = 8;

    /// <summary>Minimum number of descriptors. The runtime's assemblies take about 300.</summary>
    private const int Minimum = 340;

    /// <summary>Treats the limit of file sizes like a full disk: until disposed, a write beyond the limit fails, and the API answers 503. By default, the
    /// operating system kills the process.</summary>
    public static IDisposable? IgnoreFileSize() =>
        OperatingSystem.IsWindows() ? null : PosixSignalRegistration.Create(FileSizeExceeded, static context => context.Cancel = true);

    /// <summary>Checks the limit of open files. Call it first: with too few descriptors, the start fails at a random point, and the error does not name the
    /// cause.</summary>
    /// <exception cref="UserErrorException">The limit is too low to accept a single connection.</exception>
    public static void RequireDescriptors()
    {
        if (ReadDescriptors() is < Minimum and var limit)
        {
            throw new UserErrorException($"This process may open {limit} files and sockets (ulimit -n), but the API needs {Minimum}, and two more per "
                + "connection. Raise the limit.");
        }
    }

    /// <summary>The limit currently in force; another process may change it at any time. <see cref="long.MaxValue"/> without a limit.</summary>
    public static long ReadDescriptors() =>
        OperatingSystem.IsWindows() || GetLimit(OperatingSystem.IsMacOS() ? MacOpenFiles : LinuxOpenFiles, out var limit) != 0
            ? long.MaxValue
            : (long)Math.Min(limit.Current, long.MaxValue);

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int GetLimit(int resource, out Limit limit);

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Limit
    {
        public readonly nuint Current;
        public readonly nuint Maximum;
    }
}
