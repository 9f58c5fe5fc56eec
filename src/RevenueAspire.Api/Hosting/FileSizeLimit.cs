using System.Runtime.InteropServices;

namespace RevenueAspire.Api.Hosting;

/// <summary>Treats the limit on file sizes (<c>ulimit -f</c>) like a full disk: the API answers 503. By default, the operating system kills a process that
/// exceeds this limit.</summary>
internal static class FileSizeLimit
{
    /// <summary>SIGXFSZ. .NET has no name for it; the number is the same on Linux and macOS.</summary>
    private const PosixSignal FileSizeExceeded = (PosixSignal)25;

    /// <summary>Until disposed, a write beyond the limit fails instead of killing the process.</summary>
    public static IDisposable? Ignore() =>
        OperatingSystem.IsWindows() ? null : PosixSignalRegistration.Create(FileSizeExceeded, static context => context.Cancel = true);
}
