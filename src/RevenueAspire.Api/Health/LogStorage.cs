using Microsoft.Extensions.Options;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Health;

/// <summary>The storage of the log.</summary>
internal sealed class LogStorage(IOptions<EventLogOptions> options)
{
    /// <summary>The type of the file system, such as <c>ext4</c>. <c>unknown</c> if the machine does not report it, <c>postgres</c> for a log in
    /// Postgres.</summary>
    public string FileSystem { get; } = options.Value.Engine == LogEngine.Postgres ? "postgres" : Find(options.Value.Directory);

    private static string Find(string directory)
    {
        try
        {
            return new DriveInfo(directory).DriveFormat;
        }
        catch (Exception exception) when (exception is IOException or ArgumentException or UnauthorizedAccessException)
        {
            return "unknown";
        }
    }
}
