using System.Runtime.InteropServices;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Api.Hosting;

/// <summary>How many files and sockets the operating system lets this process have open (<c>ulimit -n</c>).</summary>
internal static partial class DescriptorLimit
{
    private const int LinuxOpenFiles = 7;
    private const int MacOpenFiles = 8;

    /// <summary>The runtime alone has about 300 open: its assemblies.</summary>
    private const int Minimum = 340;

    /// <summary>Call it first: with fewer descriptors the start fails at any point, with errors that do not name the cause.</summary>
    /// <exception cref="UserErrorException">The limit is too low for the API to take a single connection.</exception>
    public static void Require()
    {
        if (Read() is < Minimum and var limit)
        {
            throw new UserErrorException($"This process may have {limit} files and sockets open (ulimit -n), and the API needs {Minimum} and two more per "
                + "connection. Raise that limit.");
        }
    }

    /// <summary>The limit in force now: another process may change it at any time. <see cref="long.MaxValue"/> where there is none.</summary>
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
