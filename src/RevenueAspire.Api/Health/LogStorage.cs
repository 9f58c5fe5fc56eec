using Microsoft.Extensions.Options;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Health;

/// <summary>What the log lies on.</summary>
internal sealed class LogStorage(IOptions<EventLogOptions> options)
{
    /// <summary>The file system's kind, such as <c>ext4</c>; <c>unknown</c> where the machine does not tell, <c>postgres</c> where the log is in the
    /// database.</summary>
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
