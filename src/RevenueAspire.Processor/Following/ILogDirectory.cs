using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Following;

/// <summary>Finds the logs to follow. Not thread-safe.</summary>
internal interface ILogDirectory
{
    /// <summary>Completes the log message "Following the logs in ...".</summary>
    string Name { get; }

    /// <summary>Opens the readable logs that are not finished, longest first. If two copies of a log are found at the same time, the longer one is the live
    /// one.</summary>
    /// <param name="isFollowed">Whether a log of this name is already followed; its follower then reports errors of opening.</param>
    /// <param name="cancellationToken">Cancels the search.</param>
    Task<List<LogSourceReader>> OpenAsync(Func<string, bool> isFollowed, CancellationToken cancellationToken);

    /// <summary>Whether this name still refers to the same log.</summary>
    bool IsStillThere(string name, Guid logId);

    /// <summary>Whether the log was closed and fully applied at the last <see cref="OpenAsync"/>.</summary>
    bool IsFinished(Guid logId);

    /// <summary>Runs background work while logs are followed.</summary>
    Task RunAsync(CancellationToken cancellationToken);
}
