using RevenueAspire.CommandLine;

namespace RevenueAspire.AppHost.Model;

/// <summary>Allows only one AppHost per data directory, because the services of a second one would use the first one's log. The operating system releases the
/// lock when the process ends for any reason.</summary>
internal sealed class AppHostLock : IDisposable
{
    private readonly FileStream _file;

    private AppHostLock(FileStream file) => _file = file;

    /// <summary>Creates the directory if it is missing, so that Postgres' user has access to it, and locks it. Null when publishing, which uses no
    /// data.</summary>
    /// <exception cref="UserErrorException">Another AppHost holds the lock, or the directory cannot be created.</exception>
    public static AppHostLock? Acquire(IDistributedApplicationBuilder builder)
    {
        if (!builder.ExecutionContext.IsRunMode)
        {
            return null;
        }

        var acquired = Acquire(DataDirectory.Resolve(builder.Configuration));
        WaitForLog(Path.Combine(DataDirectory.ResolveEventLog(builder.Configuration), "writer.lock"));
        return acquired;
    }

    /// <summary>Waits up to 20 s until the log's lock is free. After a kill of the AppHost, its API closes the port first and the log last.</summary>
    private static void WaitForLog(string file)
    {
        for (var deadline = DateTime.UtcNow.AddSeconds(20); File.Exists(file) && DateTime.UtcNow < deadline; Thread.Sleep(100))
        {
            try
            {
                new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.None).Dispose();
                return;
            }
            catch (IOException exception) when (SharingViolation.IsIn(exception))
            {
                // The old API is still stopping.
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // Ignore this error here; the new API will report it.
                return;
            }
        }
    }

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
                    // Postgres does not run as root, but root's umask may deny other users access to the directory.
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
