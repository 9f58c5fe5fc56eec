using RevenueAspire.EventLog;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Following;

/// <summary>Finds logs in a folder, which may itself be a log, and in its direct subfolders.</summary>
/// <param name="root">Full path of the folder.</param>
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
            // An unreadable log still exists.
            return EventLogReader.IsLog(name);
        }
    }

    /// <inheritdoc/>
    /// <remarks>The API may write to a folder again at any time.</remarks>
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
            // The folder was removed or became unreadable during the scan. The next scan decides.
            return [];
        }
    }
}
