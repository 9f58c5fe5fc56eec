using System.Runtime.InteropServices;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Api.Hosting;

/// <summary>The number of files and sockets that the operating system allows this process to open (<c>ulimit -n</c>).</summary>
internal static partial class DescriptorLimit
{
    private const int LinuxOpenFiles = 7;
    private const int MacOpenFiles = 8;

    /// <summary>Minimum number of descriptors. The runtime's assemblies take about 300.</summary>
    private const int Minimum = 340;

    /// <summary>Checks the limit. Call it first: with too few descriptors, the start fails at a random point, and the error does not name the cause.</summary>
    /// <exception cref="UserErrorException">The limit is too low to accept a single connection.</exception>
    public static void Require()
    {
        if (Read() is < Minimum and var limit)
        {
            throw new UserErrorException($"This process may open {limit} files and sockets (ulimit -n), but the API needs {Minimum}, and two more per "
                + "connection. Raise the limit.");
        }
    }

    /// <summary>The limit currently in force; another process may change it at any time. <see cref="long.MaxValue"/> without a limit.</summary>
    public static long Read()
    {
        if (OperatingSystem.IsWindows() || GetLimit(OperatingSystem.IsMacOS() ? MacOpenFiles : LinuxOpenFiles, out var limit) != 0)
        {
            return long.MaxValue;
        }

        return (long)Math.Min(limit.Current, long.MaxValue);
    }

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int GetLimit(int resource, out Limit limit);

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Limit
    {
        public readonly nuint Current;
        public readonly nuint Maximum;
    }
}
