namespace RevenueAspire.LocalPostgres.Data;

/// <summary>Gives a data directory one owner, by a locked file next to it. The operating system releases the lock when the owner ends. So if the lock is free
/// but a server runs, the server is left over from a killed owner.</summary>
internal sealed class DataDirectoryLock : IDisposable
{
    private readonly FileStream _file;

    private DataDirectoryLock(FileStream file, bool isFirst) => (_file, IsFirst) = (file, isFirst);

    /// <summary>Whether this directory was never locked before. If so, this library did not start a server that runs on it.</summary>
    public bool IsFirst { get; }

    /// <summary>Takes the lock without waiting.</summary>
    /// <exception cref="LocalPostgresException">Another running process holds it, or the folder is not writable.</exception>
    public static DataDirectoryLock Take(string dataDirectory)
    {
        var path = dataDirectory + ".lock";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            var isFirst = !File.Exists(path);
            return new DataDirectoryLock(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None), isFirst);
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new LocalPostgresException($"{path} cannot be written ({exception.Message}): choose your own data directory.", exception);
        }
        catch (IOException exception) when (File.Exists(path))
        {
            throw new LocalPostgresException(
                $"Another process runs a Postgres server on {dataDirectory} (lock file {path}): stop it, or choose another data directory.", exception);
        }
        catch (IOException exception)
        {
            throw new LocalPostgresException($"The folder of {dataDirectory} cannot be created: {exception.Message}", exception);
        }
    }

    /// <summary>Removes the lock file again, for a first owner that rejects the directory because it belongs to another program.</summary>
    public void Forget() => File.Delete(_file.Name);

    /// <summary>Releases the lock. The file stays, because removing it could delete the lock of the next owner.</summary>
    public void Dispose() => _file.Dispose();
}
