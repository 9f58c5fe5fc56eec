using RevenueAspire.ServiceDefaults;

namespace RevenueAspire.AppHost;

/// <summary>One starter a data directory: a second one would adopt, and later stop, the first one's Postgres. The operating system frees the lock with the process, however that ends.</summary>
internal sealed class DataDirectoryLock : IDisposable
{
    private readonly FileStream _file;

    private DataDirectoryLock(FileStream file) => _file = file;

    /// <summary>Makes the directory when it is missing, enterable for Postgres' own user, and locks it.</summary>
    /// <exception cref="StarterException">Another starter has it, or it cannot be made.</exception>
    public static DataDirectoryLock Acquire(string directory)
    {
        try
        {
            if (!Directory.Exists(directory))
            {
                Directory.CreateDirectory(directory);
                if (!OperatingSystem.IsWindows() && Environment.IsPrivilegedProcess)
                {
                    // Whatever root's umask is: the server does not run as root.
                    File.SetUnixFileMode(directory, File.GetUnixFileMode(directory) | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
                }
            }

            return new DataDirectoryLock(new FileStream(Path.Combine(directory, "apphost.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new StarterException($"The data directory {directory} cannot be written: {exception.Message} Choose another with --Data:Directory=PATH.");
        }
        catch (IOException exception) when (SharingViolation.IsIn(exception))
        {
            throw new StarterException($"Another AppHost runs on {directory}. Stop it, or give this one a data directory (--Data:Directory=PATH) and ports (--Ports:Api, --Ports:Client) of its own.");
        }
        catch (IOException exception)
        {
            throw new StarterException($"The data directory {directory} cannot be made or locked: {exception.Message} Choose another with --Data:Directory=PATH.");
        }
    }

    public void Dispose() => _file.Dispose();
}
