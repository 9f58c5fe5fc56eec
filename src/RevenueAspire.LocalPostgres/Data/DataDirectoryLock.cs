namespace RevenueAspire.LocalPostgres.Data;

/// <summary>One owner for a data directory: an open file beside it, which the operating system lets go of when its owner dies. It tells a server that was left
/// behind from one that somebody needs.</summary>
internal sealed class DataDirectoryLock : IDisposable
{
    private readonly FileStream _file;

    private DataDirectoryLock(FileStream file, bool isFirst) => (_file, IsFirst) = (file, isFirst);

    /// <summary>True when nobody ever held the lock of this directory: a server that runs on it was not started from here.</summary>
    public bool IsFirst { get; }

    /// <summary>Takes the lock; never waits.</summary>
    /// <exception cref="LocalPostgresException">Another living process has it, or the folder cannot be written.</exception>
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
            throw new LocalPostgresException($"{path} cannot be written ({exception.Message}): name a data directory of your own.", exception);
        }
        catch (IOException exception) when (File.Exists(path))
        {
            throw new LocalPostgresException(
                $"Another process runs a Postgres server on {dataDirectory} (it holds {path}): stop it, or name another data directory.", exception);
        }
        catch (IOException exception)
        {
            throw new LocalPostgresException($"The folder of {dataDirectory} cannot be made: {exception.Message}", exception);
        }
    }

    /// <summary>Removes the file of a first owner who refuses the directory: it never was ours.</summary>
    public void Forget() => File.Delete(_file.Name);

    /// <summary>Lets go. The file stays: removing it could take it from under the next owner.</summary>
    public void Dispose() => _file.Dispose();
}
