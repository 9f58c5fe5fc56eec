using RevenueAspire.EventLog;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Following;

/// <summary>A folder, which may be a log itself, and its direct subfolders.</summary>
/// <param name="root">Full path.</param>
/// <param name="unreadable">Receives a folder that cannot be opened as a log yet, and the reason.</param>
internal sealed class FolderLogs(string root, Action<string, string> unreadable) : ILogDirectory
{
    /// <inheritdoc/>
    public string Name => $"{root} and its subfolders";

    /// <inheritdoc/>
    public Task<List<LogSourceReader>> OpenAsync(Func<string, bool> isFollowed, CancellationToken cancellationToken)
    {
        var logs = new List<(LogSourceReader Log, long End)>();
        foreach (var directory in Find())
        {
            LogSourceReader? log = null;
            try
            {
                log = LogSourceReader.Open(directory);
                logs.Add((log, log.ReadEnd()));
            }
            catch (Exception exception) when (exception is EventLogException or SourceStoppedException or IOException or UnauthorizedAccessException)
            {
                log?.Dispose();
                if (!isFollowed(directory))
                {
                    unreadable(directory, exception.Message);
                }
            }
        }

        return Task.FromResult<List<LogSourceReader>>(
            [.. logs.OrderByDescending(log => log.End).ThenBy(log => log.Log.Name, StringComparer.Ordinal).Select(log => log.Log)]);
    }

    /// <inheritdoc/>
    public bool IsStillThere(string name, Guid logId)
    {
        try
        {
            using var log = LogSourceReader.Open(name);
            return log.LogId == logId;
        }
        catch (EventLogException)
        {
            // Unreadable is not gone.
            return EventLogReader.IsLog(name);
        }
    }

    /// <inheritdoc/>
    /// <remarks>A folder may be written again at any time.</remarks>
    public bool IsFinished(Guid logId) => false;

    /// <inheritdoc/>
    public Task RunAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private string[] Find()
    {
        try
        {
            return Directory.Exists(root) ? new[] { root }.Concat(Directory.GetDirectories(root)).Where(EventLogReader.IsLog).ToArray() : [];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Removed or made unreadable between two scans: the next scan decides.
            return [];
        }
    }
}
