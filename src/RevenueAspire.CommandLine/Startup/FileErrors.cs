namespace RevenueAspire.CommandLine;

/// <summary>Distinguishes an error of the file system, which a user can correct, from a bug that is also an <see cref="IOException"/>.</summary>
public static class FileErrors
{
    private const int WindowsFacility = unchecked((int)0x80070000);
    private const int LargestErrorNumber = 4095;

    /// <summary>Whether the operating system refused a file operation: missing, no permission, no space, read-only. Its message names the path.</summary>
    /// <remarks>Exceptions from the framework (end of a stream, broken transport, missing assembly) have no error number of the operating system.</remarks>
    public static bool IsOfTheSystem(Exception exception) => exception switch
    {
        UnauthorizedAccessException => true,
        FileLoadException or FileNotFoundException { FusionLog: not null } => false,
        FileNotFoundException missing => missing.FileName?.Contains(", Version=", StringComparison.Ordinal) != true,
        DirectoryNotFoundException or PathTooLongException or DriveNotFoundException => true,
        IOException when OperatingSystem.IsWindows() => (exception.HResult & 0xffff0000) == WindowsFacility,
        IOException => exception.HResult is > 0 and <= LargestErrorNumber,
        _ => false,
    };
}
