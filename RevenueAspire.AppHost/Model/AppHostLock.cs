using RevenueAspire.CommandLine;

namespace RevenueAspire.AppHost.Model;

/// <summary>Allows one AppHost per data directory: a second one would run its services on the first one's log. The operating system releases the lock when the
/// process ends for any reason.</summary>
internal sealed class AppHostLock : IDisposable
{
    private readonly FileStream _file;

    private AppHostLock(FileStream file) => _file = file;

    /// <summary>Creates the directory if it is missing, accessible to Postgres' user, and locks it. Null when publishing, which uses no data.</summary>
    /// <exception cref="UserErrorException">Another AppHost holds the lock, or the directory cannot be created.</exception>
    public static AppHostLock? Acquire(IDistributedApplicationBuilder builder) =>
        builder.ExecutionContext.IsRunMode ? Acquire(DataDirectory.Resolve(builder.Configuration)) : null;

    /// <inheritdoc cref="Acquire(IDistributedApplicationBuilder)"/>
    internal static AppHostLock Acquire(string directory)
    {
        try
        {
            if (!Directory.Exists(directory))
            {
                Directory.CreateDirectory(directory);
                if (!OperatingSystem.IsWindows() && Environment.IsPrivilegedProcess)
                {
                    // Postgres does not run as root, and root's umask may make the directory inaccessible.
                    File.SetUnixFileMode(directory, File.GetUnixFileMode(directory) | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
                }
            }

            return new AppHostLock(new FileStream(Path.Combine(directory, "apphost.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException exception) when (SharingViolation.IsIn(exception))
        {
            throw new UserErrorException(
                $"Another AppHost runs on {directory}. Stop it, or give this one its own data directory (--Data:Directory=PATH) and ports "
                + "(--Ports:Api, --Ports:Client).");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException(
                $"The data directory {directory} cannot be created or locked: {exception.Message} Choose another with --Data:Directory=PATH.");
        }
    }

    public void Dispose() => _file.Dispose();
}
