using RevenueAspire.EventLog.Storage;

namespace RevenueAspire.EventLog;

/// <summary>Keeps retention from removing segments while somebody reads a log from its beginning (rule M13). Any number of processes may
/// hold one; it ends with its process at the latest.</summary>
/// <remarks>A lock of the operating system on a file in the folder: shared by those who pin, exclusive for the one who removes. No lease, so a reader that is
/// slow or stopped loses nothing.</remarks>
public sealed class LogPin : IDisposable
{
    /// <summary>Removing takes a moment; a pin waits for its end.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private readonly IDisposable? _lock;

    private LogPin(IDisposable? @lock) => _lock = @lock;

    /// <summary>Pins every segment that is there now, and all that come. Read the first offset after this.</summary>
    /// <param name="directory">Folder of a log.</param>
    /// <exception cref="EventLogException">It could not be pinned.</exception>
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
                // A copy of a log that no writer of this version has opened: nobody removes anything there.
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
                        $"{directory}: segments are being removed since {Patience.TotalSeconds} s, so the log cannot be pinned; try again");
                }

                Thread.Sleep(Pause);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EventLogException($"{directory}: the log cannot be pinned: {e.Message}", e);
        }
    }

    /// <summary>Makes the file that is locked. Part of opening a log for writing.</summary>
    internal static void CreateFile(IFileSystem files, string directory)
    {
        if (!files.FileExists(PathIn(directory)))
        {
            files.Open(PathIn(directory), OpenKind.CreateNew).Dispose();
        }
    }

    /// <summary>The right to remove, or null while somebody has a pin.</summary>
    internal static IDisposable? TryExclude(IFileSystem files, string directory)
    {
        CreateFile(files, directory);
        return files.TryLock(PathIn(directory), shared: false);
    }

    private static string PathIn(string directory) => Path.Combine(directory, LogFiles.Pin);
}
