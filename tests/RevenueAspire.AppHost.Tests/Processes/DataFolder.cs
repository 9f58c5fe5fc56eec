using System.Buffers.Binary;

namespace RevenueAspire.AppHost.Tests.Processes;

/// <summary>A data directory that does not exist yet, on a path accessible to Postgres' own user.</summary>
internal sealed class DataFolder : IDisposable
{
    private const int ControlFileState = 16;
    private const int ShutDown = 1;

    private readonly TempDirectory _parent = TempDirectory.ForPostgres();

    public string Path => _parent.File("data");

    public string Postgres => System.IO.Path.Combine(Path, "postgres");

    public bool HasPostmasterPid => File.Exists(System.IO.Path.Combine(Postgres, "postmaster.pid"));

    /// <summary>Whether the next start needs no recovery: the state in <c>pg_control</c> is DB_SHUTDOWNED (Postgres' catalog/pg_control.h, <c>DBState</c> after
    /// three fields of 16 bytes).</summary>
    public bool IsCleanlyShutDown
    {
        get
        {
            var control = File.ReadAllBytes(System.IO.Path.Combine(Postgres, "global", "pg_control"));
            return BinaryPrimitives.ReadInt32LittleEndian(control.AsSpan(ControlFileState)) == ShutDown;
        }
    }

    /// <summary>The processes that use this directory, except the AppHost: services, their tools, Postgres with its workers, and the shell that watches it.
    /// Linux only.</summary>
    public IReadOnlyList<(int Id, string Command)> Processes() =>
        [.. Directory.EnumerateDirectories("/proc")
            .Select(d => int.TryParse(System.IO.Path.GetFileName(d), out var id) ? (Id: id, Command: Command(id)) : default)
            .Where(process => process.Id != 0 && process.Command.Length > 0 && !process.Command.Contains("RevenueAspire.AppHost", StringComparison.Ordinal))
            .Where(process => process.Command.Contains(Path, StringComparison.Ordinal)
                || Read(process.Id, "environ").Contains("=" + Path, StringComparison.Ordinal))];

    public void Dispose() => _parent.Dispose();

    private static string Command(int processId) => Read(processId, "cmdline");

    private static string Read(int processId, string file)
    {
        try
        {
            return File.ReadAllText($"/proc/{processId}/{file}").Replace('\0', ' ');
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The process has ended, or belongs to another user.
            return "";
        }
    }
}
