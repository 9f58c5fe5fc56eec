using System.Runtime.InteropServices;

namespace RevenueAspire.Api.Hosting;

/// <summary>A limit on the size of files (<c>ulimit -f</c>) is a full disk for the log, to be answered with 503. Left alone, the operating system ends a
/// process that runs into it.</summary>
internal static class FileSizeLimit
{
    /// <summary>SIGXFSZ, which .NET has no name for; the same number on Linux and macOS.</summary>
    private const PosixSignal FileSizeExceeded = (PosixSignal)25;

    /// <summary>Has writes beyond the limit fail instead, until disposed.</summary>
    public static IDisposable? Ignore() =>
        OperatingSystem.IsWindows() ? null : PosixSignalRegistration.Create(FileSizeExceeded, static context => context.Cancel = true);
}
