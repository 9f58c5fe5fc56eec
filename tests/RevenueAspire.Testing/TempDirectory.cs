namespace RevenueAspire.Testing;

/// <summary>A folder of its own for a test, removed with it.</summary>
public sealed class TempDirectory : IDisposable
{
    /// <summary>Makes it in the temporary folder.</summary>
    public TempDirectory() => Path = Directory.CreateTempSubdirectory("revenueaspire-test-").FullName;

    private TempDirectory(string path) => Path = path;

    public string Path { get; }

    /// <summary>Makes one that everybody may enter, on a place where Postgres' own user gets: for a local server's data.</summary>
    public static TempDirectory ForPostgres() =>
        new(Directory.CreateDirectory(System.IO.Path.Combine(TestPostgres.DataRoot, "revenueaspire-test-" + Guid.NewGuid().ToString("N"))).FullName);

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose()
    {
        try
        {
            Directory.Delete(Path, recursive: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A process that is just ending may still hold or make a file; the operating system cleans temporary folders.
        }
    }
}
