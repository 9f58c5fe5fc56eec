using RevenueAspire.Testing;

namespace RevenueAspire.AppHost.Tests.WithoutAspire;

/// <summary>A data directory that does not exist yet, where Postgres' own user may go.</summary>
internal sealed class DataFolder : IDisposable
{
    private readonly TempDirectory _parent = new();

    public DataFolder()
    {
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(_parent.Path, File.GetUnixFileMode(_parent.Path) | UnixFileMode.OtherExecute);
        }
    }

    public string Path => _parent.File("data");

    public bool HasRunningServer => File.Exists(System.IO.Path.Combine(Path, "postgres", "postmaster.pid"));

    public void Dispose() => _parent.Dispose();
}
