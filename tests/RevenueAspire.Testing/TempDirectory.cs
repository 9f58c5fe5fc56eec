namespace RevenueAspire.Testing;

/// <summary>A temporary folder for one test, removed on disposal.</summary>
public sealed class TempDirectory : IDisposable
{
    /// <summary>Creates a folder in the system's temporary folder.</summary>
    public TempDirectory() => Path = Directory.CreateTempSubdirectory("revenueaspire-test-").FullName;

    private TempDirectory(string path) => Path = path;

    public string Path { get; }

    /// <summary>Creates a folder for a local Postgres server's data, which the server's operating-system user can enter.</summary>
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
            // A process that is about to exit may still use or create a file; the operating system cleans up temporary folders.
        }
    }
}
