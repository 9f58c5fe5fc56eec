using RevenueAspire.EventLog.Storage;

namespace RevenueAspire.EventLog;

/// <summary>Prevents retention from removing segments while a process reads a log from its beginning (rule M13). Any number of processes may hold a pin. A pin
/// ends at the latest with its process.</summary>
/// <remarks>An operating system lock on a file in the folder: readers share it, retention needs it exclusively. It is no lease, so a slow or stopped reader
/// loses nothing.</remarks>
public sealed class LogPin : IDisposable
{
    /// <summary>Maximum wait for a removal in progress, which takes moments.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private readonly IDisposable? _lock;

    private LogPin(IDisposable? @lock) => _lock = @lock;

    /// <summary>Pins all segments, present and future. Read the first offset only after this call.</summary>
    /// <param name="directory">Folder of a log.</param>
    /// <exception cref="EventLogException">The log could not be pinned.</exception>
    public static LogPin Take(string directory) => Take(directory, PhysicalFileSystem.Instance);

    public void Dispose() => _lock?.Dispose();

    internal static LogPin Take(string directory, IFileSystem files)
    {
        var path = PathIn(directory);
        var until = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
        try
        {
            if (!files.FileExists(path))
            {
                // Without the lock file, no writer of this version has opened this copy of a log, so no process removes segments from it.
                return new LogPin(null);
            }

            while (true)
            {
                if (files.TryLock(path, shared: true) is { } held)
                {
                    return new LogPin(held);
                }

                if (Environment.TickCount64 > until)
                {
                    throw new EventLogException(
                        $"{directory}: the log cannot be pinned, because another process has been removing segments for {Patience.TotalSeconds} s; try again");
                }

                Thread.Sleep(Pause);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EventLogException($"{directory}: the log cannot be pinned: {e.Message}", e);
        }
    }

    /// <summary>Creates the lock file. Part of opening a log for writing.</summary>
    internal static void CreateFile(IFileSystem files, string directory)
    {
        if (!files.FileExists(PathIn(directory)))
        {
            files.Open(PathIn(directory), OpenKind.CreateNew).Dispose();
        }
    }

    /// <summary>Takes the exclusive lock for a removal; null while any process holds a pin.</summary>
    internal static IDisposable? TryExclude(IFileSystem files, string directory)
    {
        CreateFile(files, directory);
        return files.TryLock(PathIn(directory), shared: false);
    }

    private static string PathIn(string directory) => Path.Combine(directory, LogFiles.Pin);
}
